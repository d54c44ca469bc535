"""Every method against COSMOS of five head orientations (Liu, uQSM+ and QSMInvNet+).

Run as ``python -m benchmarks.papers.cosmos``. The heads are none that a network was trained on. The
kinds of fields are two of ``benchmarks/heads.py``: ``noisy``, the dipole field with noise, and
``measured``, which adds to each orientation what simulations lack. Both papers report the same
nine subjects.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product

import numpy as np
import scipy.fft as sf

from benchmarks import heads
from benchmarks.heads import FIRST_HEAD, Case
from benchmarks.papers.ledger import Ledger, Record, ledger_of_methods, parser, read_command
from benchmarks.papers.tables import QUICK, figures, pair_table, score_table
from qsmbids.evaluation import evaluate
from qsmbids.inversion.conditioning import condition_number
from qsmbids.inversion.cosmos import cosmos
from qsmbids.physics import b0_direction
from qsmbids.simulation import HeadRecipe

TILTS = ((0.0, 0.0), (20.0, 0.0), (-20.0, 0.0), (0.0, 20.0), (0.0, -20.0))
"""Degrees about the x and y axis."""
DIRECTIONS = [b0_direction(HeadRecipe(b0_tilt=tilt).affine) for tilt in TILTS]
SHOWN = ("psnr", "nrmse", "hfen", "ssim")
FAST = (
    "tkd",
    "medi",
    "tv",
    "uqsm",
    "uqsm+",
    "qsminvnet",
    "qsminvnet+",
    "synthnet",
    "dcnet",
    "dcnet-tv",
)
SLOW = ("dip", "zs-uqsm+")
ORIENTATIONS = {"cosmos": 1, "qsminvnet": 2, "qsminvnet+": 2, **dict.fromkeys(SLOW, 1)}
"""Of how many a method gets its turn, where that is not all."""
PAIRS = (
    ("uqsm+", "tkd"),
    ("uqsm+", "medi"),
    ("uqsm+", "dip"),
    ("uqsm+", "uqsm"),
    ("uqsm+", "zs-uqsm+"),
    ("qsminvnet+", "qsminvnet"),
    ("qsminvnet+", "uqsm"),
    ("dcnet-tv", "tv"),
    ("dcnet-tv", "medi"),
)
# Liu, MIDL 2022, table 1; Liu and Koch, ISMRM 2021, figure 2, which agree on what both have.
PAPER = figures(
    SHOWN,
    {
        "tkd": ("43.4 ± 0.5", "91.4 ± 6.7", "72.9 ± 6.6", "0.831 ± 0.016"),
        "medi": ("41.5 ± 0.6", "113.8 ± 7.6", "100.4 ± 9.1", "0.902 ± 0.016"),
        "dip": ("44.0 ± 0.8", "85.5 ± 6.7", "65.7 ± 4.5", "0.859 ± 0.020"),
        "uqsm": ("45.6 ± 0.4", "71.4 ± 5.0", "62.8 ± 5.0", "0.890 ± 0.015"),
        "uqsm+": ("46.1 ± 0.5", "67.2 ± 3.9", "59.6 ± 3.4", "0.892 ± 0.012"),
        "zs-uqsm+": ("46.0 ± 0.5", "67.5 ± 3.8", "60.4 ± 4.5", "0.887 ± 0.012"),
        "qsminvnet": ("44.8 ± 0.5", "78.0 ± 6.1", "65.8 ± 5.5", "0.878 ± 0.014"),
        "qsminvnet+": ("45.9 ± 0.5", "68.7 ± 5.8", "60.6 ± 5.7", "0.888 ± 0.017"),
    },
)


def orientations(size: float, number: int, kind: str) -> list[Case]:
    """Return one anatomy in every orientation, registered: on one grid, B0 turned."""
    upright = heads.random_head(size, FIRST_HEAD + number)
    make = heads.FIELDS[kind]
    return [
        make(replace(upright, b0_dir=b0_dir), len(TILTS) * number + turn)
        for turn, b0_dir in enumerate(DIRECTIONS)
    ]


def combined(series: Sequence[Case]) -> np.ndarray:
    """Return COSMOS of all orientations."""
    return cosmos(
        [case["field"] for case in series],
        series[0]["mask"],
        voxel_size=series[0]["voxel_size"],
        b0_dir=DIRECTIONS,
        weight=np.stack([case["weight"] for case in series]),
    ).chi


@lru_cache(maxsize=1)
def scene(size: float, number: int, kind: str) -> tuple[list[Case], np.ndarray]:
    """Return the orientations and COSMOS of them; those of the last call are kept."""
    series = orientations(size, number, kind)
    return series, combined(series)


def score(asked: argparse.Namespace, kind: str, number: int, turn: int, method: str) -> Record:
    """Invert one orientation and measure it against COSMOS and against the truth."""
    series, cosmos_map = scene(asked.size, number, kind)
    case = series[turn]
    options = QUICK.get(method, {}) if asked.quick else {}
    chi = cosmos_map if method == "cosmos" else heads.inverted(case, method, **options).chi
    references = {"cosmos": cosmos_map, "truth": case["chi"]}
    return {name: evaluate(chi, one, case["mask"]) for name, one in references.items()}


def turns(asked: argparse.Namespace, method: str, number: int) -> range:
    """Return the orientations of an anatomy on which a method gets its turn."""
    left_out = method in SLOW and number >= asked.slow
    return range(0 if left_out else ORIENTATIONS.get(method, len(TILTS)))


def collect(asked: argparse.Namespace, ledger: Ledger) -> dict[str, dict[str, dict[str, Record]]]:
    """Return the records by kind, method and case."""
    methods = ("cosmos", *asked.methods)
    found: dict[str, dict[str, dict[str, Record]]] = {
        kind: {name: {} for name in methods} for kind in asked.kinds
    }
    for kind, number, method in product(asked.kinds, range(asked.anatomies), methods):
        for turn in turns(asked, method, number):
            name = f"{FIRST_HEAD + number}/{turn}"
            work = partial(score, asked, kind, number, turn, method)
            found[kind][method][name] = ledger.get(f"{kind} {name}", method, work)
    return found


def body(found: dict[str, dict[str, dict[str, Record]]]) -> list[str]:
    """Return the page's tables."""
    lines = []
    for kind, records in found.items():
        single = {name: cases for name, cases in records.items() if name != "cosmos"}
        lines += [
            f"## Fields of the kind `{kind}`",
            "",
            "### Against COSMOS of five orientations",
            "",
            *score_table(single, "cosmos", SHOWN, PAPER),
            "",
            "### Against the true susceptibility",
            "",
            *score_table(records, "truth", SHOWN),
            "",
            "### Paired tests, against COSMOS",
            "",
            *pair_table(single, "cosmos", PAIRS, ("nrmse", "hfen", "ssim")),
            "",
        ]
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Compute what is not known yet, and write the page."""
    read = parser(__doc__)
    read.add_argument("--anatomies", type=int, default=4)
    read.add_argument("--slow", type=int, default=2, help=f"anatomies for {', '.join(SLOW)}")
    read.add_argument("--methods", nargs="+", default=[*FAST, *SLOW])
    read.add_argument("--kinds", nargs="+", choices=list(heads.FIELDS), default=list(heads.FIELDS))
    asked = read_command(read, argv, "cosmos")
    rows = {name: (name, {}) for name in asked.methods}
    ledger = ledger_of_methods(asked, "cosmos", {"tilts": TILTS}, rows)
    with sf.set_workers(asked.threads):
        found = collect(asked, ledger)
    title = "Single orientations against COSMOS"
    ledger.write_page(asked, title, _facts(asked), body(found))


def _facts(asked: argparse.Namespace) -> list[str]:
    return [
        f"- {asked.anatomies} random anatomies (seeds {FIRST_HEAD} and up), 5 orientations each: "
        "upright, and turned by 20 degrees about x and y to either side (condition number "
        f"{condition_number(DIRECTIONS):.1f}); voxels of {asked.size:g} mm, one grid for all, "
        "so that no registration is needed",
        "- `noisy`: dipole field of the brain, with noise that grows where the magnitude falls, "
        "for each orientation between 0.00012 and 0.006 ppm where it is full; `measured`: also a "
        "smooth field that no susceptibility explains, half as strong as the rest and another in "
        "each orientation, a residual of the background, wrong voxels",
        "- qsminvnet and qsminvnet+, which are fine-tuned on each field: 2 orientations of each "
        f"anatomy; {' and '.join(SLOW)}: the upright one of the first {asked.slow} anatomies",
        "- mean ± SD over anatomies and orientations; p of paired tests over anatomies, after Holm",
        "- NRMSE and HFEN in % over the brain; PSNR in dB over the grid cut to the brain, its "
        "peak the range of both maps",
        "- the fields were made with the same discrete kernel that the methods invert, and the "
        "magnitude, of which MEDI takes the edges, shares every edge of the susceptibility",
    ]


if __name__ == "__main__":
    main()

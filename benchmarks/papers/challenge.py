"""Heads like those of the 2019 challenge: two contrasts, two noise levels, weights by echo.

Run as ``python -m benchmarks.papers.challenge``. Beside the figures stand those of zs-uQSM+ (Liu)
and of QSMInvNet (Liu and Koch).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product
from typing import Any

import numpy as np
import scipy.fft as sf
from numpy.typing import NDArray

from benchmarks.heads import (
    FIRST_HEAD,
    LESIONS,
    Case,
    Head,
    cropped,
    inverted,
    random_head,
    tissues,
    total_field,
)
from benchmarks.papers.ledger import Ledger, Record, ledger_of_methods, parser, read_command
from benchmarks.papers.tables import QUICK, figures, score_table
from qsmbids.evaluation import evaluate, regions_of
from qsmbids.physics import bounding_box, forward_field, radians_per_ppm

CONTRASTS = {"Sim1": 1.0, "Sim2": 1.5}
"""Factor on the susceptibility of all but veins and lesions."""
SNR = {"SNR1": 100.0, "SNR2": 1000.0}
"""Mean magnitude of white matter at the first echo over the noise's standard deviation."""
SHOWN = (
    "nrmse",
    "dnrmse",
    "dnrmse_tissue",
    "dnrmse_blood",
    "dnrmse_deep_grey",
    "deviation_from_linear_slope",
    "calcification_streak",
    "calcification_moment",
)
Found = dict[str, dict[str, dict[str, Record]]]
NOISE_MAP = "noise map"
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "tkd": ("tkd", {}),
    "tv": ("tv", {}),
    "medi": ("medi", {}),
    "dcnet-tv": ("dcnet-tv", {}),
    "qsminvnet, pre-trained alone": ("synthnet", {"weights": "qsminvnet"}),
    "qsminvnet": ("qsminvnet", {}),
    "qsminvnet+, pre-trained alone": ("synthnet", {"weights": "qsminvnet+"}),
    "qsminvnet+": ("qsminvnet+", {}),
    "zs-uqsm+": ("zs-uqsm+", {}),
}
WEIGHTED, SLOW = "qsminvnet", "zs-uqsm+"
ECHOES = ("echo 1", "echo 2", "echo 3", "echo 4")
# zs-uQSM+: Liu, MIDL 2022, table 2. QSMInvNet: the table of Liu's entry to the challenge, as
# submitted and with batch normalization of each domain's own.
PAPER = {
    level: figures(SHOWN, rows)
    for level, rows in {
        "SNR1": {
            "zs-uqsm+": ("40.3", "42.7", "47.6", "67.1", "26.3", "0.066", "0.027", "8.0"),
            "qsminvnet": ("50.3", "49.7", "56.8", "69.4", "36.4", "0.081", "0.115", "40.1"),
            "qsminvnet+": ("42.2", "42.2", "47.4", "73.2", "25.5", "0.045", "0.052", "14.6"),
        },
        "SNR2": {
            "zs-uqsm+": ("38.4", "40.1", "44.9", "62.5", "24.6", "0.053", "0.029", "11.0"),
            "qsminvnet": ("46.1", "46.0", "52.4", "66.0", "34.1", "0.076", "0.114", "39.9"),
            "qsminvnet+": ("39.4", "39.4", "43.6", "71.5", "23.9", "0.041", "0.043", "10.9"),
        },
    }.items()
}


@lru_cache(maxsize=1)
def upright(size: float, number: int) -> Head:
    """Return a head without noise, air spaces, shim and phase offset; the last one is kept."""
    without = {"sinuses": False, "phase_offset": False, "shim": False}
    return random_head(size, FIRST_HEAD + number, snr=float("inf"), **without)


def acquired(head: Head, contrast: float, snr: float, seed: int) -> tuple[Case, list[NDArray]]:
    """Return the field fitted to the noisy echoes, and the echoes' magnitudes.

    The case's weight is what the fit says of its noise.
    """
    mask, labels = head.brain_mask, head.labels
    chi = np.where(mask, head.chi - head.chi[mask].mean(), 0).astype(np.float32)
    chi[~tissues(labels, ("vein", *LESIONS))] *= np.float32(contrast)
    field = forward_field(chi, head.voxel_size, head.b0_dir)
    angles = [field * radians_per_ppm(head.field_strength, time) for time in head.echo_times]
    white = tissues(labels, ["white matter"]) & mask
    sigma = head.magnitude[0][white].mean() / snr
    parts = sigma * np.random.default_rng(seed).standard_normal((2, *head.magnitude.shape))
    signal = head.magnitude * np.exp(1j * np.array(angles)) + parts[0] + 1j * parts[1]
    magnitude, phase = np.abs(signal).astype(np.float32), np.angle(signal).astype(np.float32)
    fit = total_field(replace(head, magnitude=magnitude, phase=phase), mask)
    case = cropped(replace(head, chi=chi), fit.field, mask, fit.weight)
    box = bounding_box(mask)
    echoes = [np.where(mask, echo / echo[mask].max(), 0)[box] for echo in magnitude]
    return case | {"magnitude": np.linalg.norm(magnitude, axis=0)[box]}, echoes


@lru_cache(maxsize=1)
def dataset(size: float, number: int, contrast: str, level: str) -> tuple[Case, list[NDArray]]:
    """Return one dataset of the challenge; that of the last call is kept."""
    seed = len(CONTRASTS) * number + list(CONTRASTS).index(contrast)
    return acquired(upright(size, number), CONTRASTS[contrast], SNR[level], seed)


def score(
    asked: argparse.Namespace, place: tuple[int, str, str], row: str, echo: int | None = None
) -> Record:
    """Invert one dataset and measure it by the challenge's metrics.

    The data term is weighted by an echo's magnitude if one is given, else by the noise map.
    """
    case, echoes = dataset(asked.size, *place)
    if echo is not None:
        case = {**case, "weight": echoes[echo]}
    method, options = ROWS[row]
    small = QUICK.get(method, {}) if asked.quick else {}
    chi = inverted(case, method, **{**options, **small}).chi
    regions = regions_of(case["labels"])
    return {"truth": evaluate(chi, case["chi"], case["mask"], regions=regions)}


def collect(asked: argparse.Namespace, ledger: Ledger) -> dict[str, Found]:
    """Return the records of the methods and of the weights, by noise level, row and dataset."""
    by_method: Found = {level: {row: {} for row in asked.rows} for level in SNR}
    by_weight: Found = {level: {trust: {} for trust in (*ECHOES, NOISE_MAP)} for level in SNR}
    for place in product(range(asked.anatomies), CONTRASTS, SNR):
        number, contrast, level = place
        name = f"{FIRST_HEAD + number}/{contrast}"
        for row in asked.rows:
            if row != SLOW or number < asked.slow:
                work = partial(score, asked, place, row)
                by_method[level][row][name] = ledger.get(f"{level} {name}", row, work)
        for echo, trust in enumerate(ECHOES):
            work = partial(score, asked, place, WEIGHTED, echo)
            key = f"{level} {name} {trust}"
            by_weight[level][trust][name] = ledger.get(key, WEIGHTED, work)
        work = partial(score, asked, place, WEIGHTED)
        by_weight[level][NOISE_MAP][name] = ledger.get(f"{level} {name}", WEIGHTED, work)
    return {"methods": by_method, "weights": by_weight}


def body(found: dict[str, Found]) -> list[str]:
    """Return the page's tables."""
    lines = []
    for level, records in found["methods"].items():
        lines += [f"## {level}", "", *score_table(records, "truth", SHOWN, PAPER[level]), ""]
    for level, records in found["weights"].items():
        lines += [
            f"## Weights of the data term, {WEIGHTED}, {level}",
            "",
            "The paper compares them by eye alone, for zs-uQSM+, and finds them alike.",
            "",
            *score_table(records, "truth", SHOWN),
            "",
        ]
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Compute what is not known yet, and write the page."""
    read = parser(__doc__)
    read.add_argument("--anatomies", type=int, default=2)
    read.add_argument("--slow", type=int, default=1, help="anatomies for zs-uqsm+")
    read.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    asked = read_command(read, argv, "challenge")
    rows = {row: ROWS[row] for row in (*asked.rows, WEIGHTED)}
    ledger = ledger_of_methods(asked, "challenge", {"snr": SNR, "contrasts": CONTRASTS}, rows)
    with sf.set_workers(asked.threads):
        found = collect(asked, ledger)
    title = "Heads like those of the 2019 challenge"
    ledger.write_page(asked, title, _facts(asked), body(found))


def _facts(asked: argparse.Namespace) -> list[str]:
    return [
        f"- {asked.anatomies} random anatomies (seeds {FIRST_HEAD} and up), voxels of "
        f"{asked.size:g} mm, 7 T, echoes at 4, 12, 20 and 28 ms, field of the brain alone: each "
        f"in two contrasts (Sim2: the susceptibility of all but veins and lesions times "
        f"{CONTRASTS['Sim2']:g}, the magnitude as in Sim1) and at two noise levels (SNR "
        f"{SNR['SNR1']:g} and {SNR['SNR2']:g} in white matter at the first echo)",
        "- the field is fitted to the noisy echoes; the weight of every method is what that fit "
        "says of its noise",
        f"- zs-uqsm+: the first {asked.slow} anatomies only; fewer iterations than the paper's "
        "(200 on patches of 64 voxels and 100 on the volume, where the paper has 2,000 and 2,000)",
        "- mean ± SD over anatomies and contrasts. The challenge's heads have voxels of 1 mm, so "
        "that its calcification moment, in ppm times voxels, is another quantity than here",
        "- the paper's figures beside qsminvnet and qsminvnet+ are those of its entry to the "
        "challenge as submitted, and with batch normalization of each domain's own",
    ]


if __name__ == "__main__":
    main()

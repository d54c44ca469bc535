"""What the small networks of each table differ in, and what the papers have of it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.heads import FIRST_HEAD
from benchmarks.papers.cosmos import PAPER, SHOWN
from benchmarks.papers.tables import Paper, figures, table

Options = Mapping[str, Any]
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """A page of trainings.

    Parameters
    ----------
    title, base, fact : str
        The page's heading; the recipe; what the names of the variants mean.
    variants : mapping of str to mapping
        What is changed in the recipe, by name; ``recipe`` is another one to start from.
    pairs : sequence of (str, pairs, mapping or None)
        Headings and pairs of the tables of tests, and a paper's p by pair.
    shown : sequence of str
        The metrics.
    paper : mapping, optional
        A paper's figures by variant and metric.
    seen : sequence of str
        Lines on what a paper shows without figures.
    """

    title: str
    base: str
    fact: str
    variants: Mapping[str, Options]
    pairs: Sequence[tuple[str, Pairs, Any]]
    shown: Sequence[str] = SHOWN
    paper: Paper | None = None
    seen: Sequence[str] = ()


# Liu, MIDL 2022, table 3: nine subjects, against COSMOS; appendix C: p of ellipsoid against the
# other shapes.
_SHAPES = {
    ("ellipsoid", "cuboid"): ("0.27", "0.40", "0.39", "0.41"),
    ("ellipsoid", "cylinder"): ("0.31", "0.46", "0.47", "0.44"),
    ("ellipsoid", "sphere"): ("0.22", "0.36", "0.31", "0.97"),
}
_AUGMENTATION = Table(
    title="Augmentation of uQSM",
    base="uqsm",
    fact="- `flipping`: across B0; `noise`: 0.005 ppm on the input alone; the four shapes: uQSM+ "
    "with six added sources of that shape; the paper's own row for them is that of the "
    "ellipsoid, for the other shapes it gives p alone",
    variants={
        "none": {},
        "flipping": {"augmentation": ("flip",)},
        "noise": {"input_noise": 0.005},
        **{
            one: {"recipe": "uqsm+", "perturbation": one}
            for one in ("ellipsoid", "cuboid", "sphere", "cylinder")
        },
    },
    pairs=(
        (
            "Paired tests of the augmentations",
            [(name, "none") for name in ("flipping", "noise", "ellipsoid")],
            None,
        ),
        ("Paired tests of the shapes", list(_SHAPES), figures(SHOWN, _SHAPES)),
    ),
    paper={
        "none": PAPER["uqsm"],
        "ellipsoid": PAPER["uqsm+"],
        **figures(
            SHOWN,
            {
                "flipping": ("45.8 ± 0.7", "69.8 ± 6.4", "62.5 ± 6.7", "0.890 ± 0.013"),
                "noise": ("45.6 ± 0.7", "71.3 ± 7.8", "63.7 ± 7.0", "0.892 ± 0.016"),
            },
        ),
    },
)
_TRAINING_DATA = Table(
    title="Training data of shapes",
    base="synthnet",
    fact="- `as it is`: random masks that reach up to a few voxels from the faces; a margin of 0 "
    "or 10: the mask is the patch, without sources so many voxels along its faces. Fields are "
    "computed on a padded grid here, so that a missing margin is no error of physics, as it "
    "is in the paper; it only leaves the network without examples of an edge",
    variants={
        "as it is": {},
        "too small shapes": {"shapes.regions": False, "shapes.largest": 0.05},
        "no margin": {"shapes.margin": 0},
        "margin of 10": {"shapes.margin": 10},
        "no noise": {"corruption.noise": 0.0},
    },
    pairs=(
        (
            "Paired tests",
            [
                ("too small shapes", "as it is"),
                ("no noise", "as it is"),
                ("no margin", "margin of 10"),
            ],
            None,
        ),
    ),
    shown=("nrmse", "dnrmse_tissue", "dnrmse_deep_grey", "hfen", "ssim"),
    seen=(
        "## The paper",
        "",
        "It shows maps and gives no figures; what they show:",
        "",
        *table(
            ("", "seen on a challenge head", "figure"),
            [
                ("too small shapes", "worse in large regions of white matter", "5D"),
                ("no margin", "stripes, vertical and horizontal", "5E"),
                ("no noise", "amplified noise", "5C"),
            ],
        ),
        "",
    ),
)
_ONE_NORM = {"config.norm": "batch", "config.domains": 1}
_LABELS = {"recipe": "qsminvnet"}
# The target's fields have noise and nothing else that labels lack: anatomy is the only gap.
_TARGET = {
    "sources": {"shapes": 1.0},
    "target_sources": {"heads": 1.0},
    **{f"target.{name}": 0.0 for name in ("background", "model", "wrong")},
    "target.noise": 0.005,
    "target.axial": 1.0,
}
_DOMAINS = Table(
    title="Two domains",
    base="qsminvnet+",
    fact="- `shapes alone` stands for QSMInvNet: labels of synthetic shapes; `both`: also fields "
    "of heads without labels, by the data term and total variation, with batch statistics in "
    "common or a set for each domain (QSMInvNet+); `labels of heads`: what labels of the "
    "target itself would give; none is fine-tuned",
    variants={
        "shapes alone": {"sources": {"shapes": 1.0}, **_LABELS},
        "both, one norm": {**_TARGET, **_ONE_NORM},
        "both, a norm each": _TARGET,
        "labels of heads": _LABELS,
    },
    pairs=(
        (
            "Paired tests",
            [
                ("both, a norm each", other)
                for other in ("shapes alone", "both, one norm", "labels of heads")
            ],
            None,
        ),
    ),
    # Liu and Koch, ISMRM 2021, figure 2: nine subjects, against COSMOS.
    paper={"shapes alone": PAPER["qsminvnet"], "both, a norm each": PAPER["qsminvnet+"]},
)
TABLES = {"augmentation": _AUGMENTATION, "training-data": _TRAINING_DATA, "domains": _DOMAINS}


def facts(asked: argparse.Namespace, table: Table, recipe: Any) -> list[str]:
    """Return the lines on how the networks were trained and scored."""
    (edge,) = recipe.patches
    return [
        f"- each network: recipe `{table.base}` with {recipe.config['base']} filters at the first "
        f"of {recipe.config['levels']} levels, patches of {edge} voxels, {asked.steps} steps of "
        f"{recipe.batch}, learning rate {recipe.learning_rate:g}, the same seed: one training "
        "each, so that what chance does to a training is not in the tests",
        f"- scored on {asked.anatomies} random anatomies that no network has seen (seeds "
        f"{FIRST_HEAD} and up), voxels of {asked.size:g} mm, against the true susceptibility, by "
        "the network's own map without the data consistency that the app adds to it",
        "- `noisy`: dipole field with up to 0.006 ppm of noise where the magnitude is full; "
        "`measured`: also a smooth field that no susceptibility explains, half as strong as the "
        "rest, a residual of the background, wrong voxels",
        "- mean ± SD over anatomies; p of paired tests over anatomies, after Holm; NRMSE and HFEN "
        "in % over the brain",
    ]

"""What augmentation does for uQSM, and which shape the added sources have (Liu, appendices B, C).

Run as ``python -m benchmarks.papers.augmentation``: trains seven small networks, unless they are
there, and scores them.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.papers.scoring import pair_table, score_table
from benchmarks.papers.trained import Found, Options, publish

SHOWN = ("psnr", "nrmse", "hfen", "ssim")
BASE, STEPS = "uqsm", 600
VARIANTS: dict[str, Options] = {
    "none": {},
    "flipping": {"augmentation": ("flip",)},
    "noise": {"input_noise": 0.005},
    "ellipsoid": {"recipe": "uqsm+", "perturbation": "ellipsoid"},
    "cuboid": {"recipe": "uqsm+", "perturbation": "cuboid"},
    "sphere": {"recipe": "uqsm+", "perturbation": "sphere"},
    "cylinder": {"recipe": "uqsm+", "perturbation": "cylinder"},
}
# Liu, MIDL 2022, table 3: nine subjects, against COSMOS.
PAPER = {
    name: dict(zip(SHOWN, values, strict=True))
    for name, values in {
        "none": ("45.6 ± 0.4", "71.4 ± 5.0", "62.8 ± 5.0", "0.890 ± 0.015"),
        "flipping": ("45.8 ± 0.7", "69.8 ± 6.4", "62.5 ± 6.7", "0.890 ± 0.013"),
        "noise": ("45.6 ± 0.7", "71.3 ± 7.8", "63.7 ± 7.0", "0.892 ± 0.016"),
        "ellipsoid": ("46.1 ± 0.5", "67.2 ± 3.9", "59.6 ± 3.4", "0.892 ± 0.012"),
    }.items()
}
# The same, appendix C: p of ellipsoid against each of the other shapes.
PAPER_P = {
    ("ellipsoid", shape): dict(zip(SHOWN, values, strict=True))
    for shape, values in {
        "cuboid": ("0.27", "0.40", "0.39", "0.41"),
        "cylinder": ("0.31", "0.46", "0.47", "0.44"),
        "sphere": ("0.22", "0.36", "0.31", "0.97"),
    }.items()
}
AGAINST_NONE = tuple((name, "none") for name in ("flipping", "noise", "ellipsoid"))
FACT = (
    "- `flipping`: across B0; `noise`: 0.005 ppm on the input alone; the four shapes: uQSM+ "
    "with six added sources of that shape; the paper's own row for them is that of the "
    "ellipsoid, for the other shapes it gives p alone"
)


def body(found: Found) -> list[str]:
    """Return the page's tables."""
    lines = []
    for kind, records in found.items():
        lines += [f"## Fields of the kind `{kind}`", "",
                  *score_table(records, "truth", SHOWN, PAPER), "",
                  "### Paired tests of the augmentations", "",
                  *pair_table(records, "truth", AGAINST_NONE, SHOWN), "",
                  "### Paired tests of the shapes", "",
                  *pair_table(records, "truth", PAPER_P, SHOWN, PAPER_P), ""]  # fmt: skip
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Train and score what is not there yet, and write the page."""
    publish(
        __doc__, argv, page="augmentation", title="Augmentation of uQSM",
        base=BASE, steps=STEPS, variants=VARIANTS, body=body, fact=FACT,
    )  # fmt: skip


if __name__ == "__main__":
    main()

"""Whether unlabelled fields of the target help a network with labels of another kind.

Run as ``python -m benchmarks.papers.domains``: trains four small networks, unless they are there,
and scores them. QSMInvNet+ (Liu and Koch, ISMRM 2021) is made for labels of one domain and fields
of another. Here labels are of synthetic shapes, the target is heads.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.papers.scoring import pair_table, score_table
from benchmarks.papers.trained import Found, Options, publish

SHOWN = ("psnr", "nrmse", "hfen", "ssim")
BASE, STEPS = "qsminvnet+", 600
ONE_NORM: Options = {"config.norm": "batch", "config.domains": 1}
SHAPES: Options = {"sources": {"shapes": 1.0}}
# The target's fields have noise and nothing else that labels lack: anatomy is the only gap.
TARGET: Options = {
    "target_sources": {"heads": 1.0},
    "target.background": 0.0,
    "target.model": 0.0,
    "target.wrong": 0.0,
    "target.noise": 0.005,
    "target.axial": 1.0,
}
LABELS: Options = {"recipe": "qsminvnet"}
VARIANTS: dict[str, Options] = {
    "shapes alone": {**SHAPES, **LABELS},
    "both, one norm": {**SHAPES, **TARGET, **ONE_NORM},
    "both, a norm each": {**SHAPES, **TARGET},
    "labels of heads": LABELS,
}
PAIRS = (("both, a norm each", "shapes alone"), ("both, a norm each", "both, one norm"),
         ("both, a norm each", "labels of heads"))  # fmt: skip
# Liu and Koch, ISMRM 2021, figure 2: nine subjects, against COSMOS.
PAPER = {
    name: dict(zip(SHOWN, values, strict=True))
    for name, values in {
        "shapes alone": ("44.8 ± 0.5", "78.0 ± 6.1", "65.8 ± 5.5", "0.878 ± 0.014"),
        "both, a norm each": ("45.9 ± 0.5", "68.7 ± 5.8", "60.6 ± 5.7", "0.888 ± 0.017"),
    }.items()
}
FACT = (
    "- `shapes alone` stands for QSMInvNet: labels of synthetic shapes; `both`: also fields of "
    "heads without labels, by the data term and total variation, with batch statistics in "
    "common or a set for each domain (QSMInvNet+); `labels of heads`: what labels of the "
    "target itself would give; none is fine-tuned"
)


def body(found: Found) -> list[str]:
    """Return the page's tables."""
    lines = []
    for kind, records in found.items():
        lines += [f"## Fields of the kind `{kind}`", "",
                  *score_table(records, "truth", SHOWN, PAPER), "",
                  *pair_table(records, "truth", PAIRS, SHOWN), ""]  # fmt: skip
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Train and score what is not there yet, and write the page."""
    publish(
        __doc__, argv, page="domains", title="Two domains",
        base=BASE, steps=STEPS, variants=VARIANTS, body=body, fact=FACT,
    )  # fmt: skip


if __name__ == "__main__":
    main()

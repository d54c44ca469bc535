"""What synthetic shapes must be like to train a network (Jochmann, Haueisen and Schweser).

Run as ``python -m benchmarks.papers.training_data``: trains five small networks, unless they are
there, and scores them.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.papers.scoring import pair_table, score_table, table
from benchmarks.papers.trained import Found, Options, publish

SHOWN = ("nrmse", "dnrmse_tissue", "dnrmse_deep_grey", "hfen", "ssim")
BASE, STEPS = "synthnet", 600
VARIANTS: dict[str, Options] = {
    "as it is": {},
    "too small shapes": {"shapes.regions": False, "shapes.largest": 0.05},
    "no margin": {"shapes.margin": 0},
    "margin of 10": {"shapes.margin": 10},
    "no noise": {"corruption.noise": 0.0},
}
PAIRS = (("too small shapes", "as it is"), ("no noise", "as it is"), ("no margin", "margin of 10"))
PAPER = (
    ("too small shapes", "worse in large regions of white matter", "5D"),
    ("no margin", "stripes, vertical and horizontal", "5E"),
    ("no noise", "amplified noise", "5C"),
)
FACT = (
    "- `as it is`: random masks that reach up to a few voxels from the faces; a margin of 0 "
    "or 10: the mask is the patch, without sources so many voxels along its faces. Fields are "
    "computed on a padded grid here, so that a missing margin is no error of physics, as it "
    "is in the paper; it only leaves the network without examples of an edge"
)


def body(found: Found) -> list[str]:
    """Return the page's tables."""
    lines = ["## The paper", "",
             "It shows maps and gives no figures; what they show:", "",
             *table(("", "seen on a challenge head", "figure"), PAPER), ""]  # fmt: skip
    for kind, records in found.items():
        lines += [f"## Fields of the kind `{kind}`", "",
                  *score_table(records, "truth", SHOWN), "",
                  "### Paired tests", "",
                  *pair_table(records, "truth", PAIRS, SHOWN), ""]  # fmt: skip
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Train and score what is not there yet, and write the page."""
    publish(
        __doc__, argv, page="training-data", title="Training data of shapes",
        base=BASE, steps=STEPS, variants=VARIANTS, body=body, fact=FACT,
    )  # fmt: skip


if __name__ == "__main__":
    main()

"""Why the default is not the nearest to a reference: said where it is so, with how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from qsmbids.evaluation import compare, summarise
from qsmbids.evaluation.study.default import why_not_default
from qsmbids.evaluation.study.run import Study
from qsmbids.inversion import DEFAULT


def study(participants: int, **means: float) -> Study:
    """Return a study in which each method has an NRMSE about a mean."""
    rng = np.random.default_rng(0)
    scores = {
        name.replace("_", "-"): {
            f"sub-{n}": {"nrmse": mean + rng.normal(0, 0.5)} for n in range(participants)
        }
        for name, mean in means.items()
    }
    return Study("", [], scores, summarise(scores), compare(scores))


def test_nothing_is_said_where_the_default_is_the_best_or_has_no_map() -> None:
    assert DEFAULT == "dcnet-tv"
    assert why_not_default(study(8, dcnet_tv=20, tv=30)) == ""
    assert why_not_default(study(8, tkd=20, tv=30)) == ""
    assert why_not_default(study(8, dcnet_tv=20)) == ""


@pytest.mark.parametrize(("participants", "certain"), [(1, False), (3, False), (12, True)])
def test_another_method_is_advised_only_where_the_difference_is_sure(
    participants: int, certain: bool
) -> None:
    said = why_not_default(study(participants, dcnet_tv=30, tv=20, tkd=60))
    assert said.startswith("tv is nearer to this reference than the default, dcnet-tv: NRMSE ")
    assert ("For data like these take --method tv" in said) is certain
    assert ("may be chance" in said) is not certain
    assert "docs/measurements.md" in said

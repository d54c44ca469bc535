"""The head that images are weighted and maps are separated of."""

from __future__ import annotations

import pytest
from volumes import simulated_head

from qsmbids.simulation import Head, HeadRecipe

RECIPE = HeadRecipe(
    shape=(68, 85, 85),
    voxel_size=(2.4, 2.4, 2.4),
    field_strength=3.0,
    echo_times=(0.005, 0.012, 0.019, 0.026),
)


@pytest.fixture
def head() -> Head:
    return simulated_head(RECIPE)

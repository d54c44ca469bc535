"""QSMInvNet: a U-Net with batch normalization that learns from labels.

With ``sources=maps:1`` elastic transforms, contrast changes and added sources make a cohort out of
one map, as in the paper.

References
----------
Liu and Koch, "Non-locally encoder-decoder convolutional network for whole brain QSM inversion",
arXiv:1904.05493 (2019).
"""

from __future__ import annotations

from dataclasses import replace

from qsmbids.training.data.corruption import CLEAN
from qsmbids.training.methods.inversion import LabelRecipe

QSMINVNET = LabelRecipe(
    name="qsminvnet",
    config={"base": 16, "levels": 5, "norm": "batch", "slope": 0.0},
    sources={"heads": 1.0},
    corruption=replace(CLEAN, noise=0.005, scale=(0.5, 1.5)),
    steps=6_000,
)

"""synthnet: a U-Net that learns from purely synthetic shapes, by the squared error.

The shapes are large and small and fill the mask, the factor on susceptibility and field varies,
and each sample's error is relative to its label's variance.

References
----------
Jochmann, Haueisen and Schweser, "How to train a deep convolutional neural network for
quantitative susceptibility mapping (QSM)", ISMRM 2020, 3195.
"""

from __future__ import annotations

from dataclasses import replace

from qsmbids.training.data.corruption import CLEAN
from qsmbids.training.methods.inversion import LabelRecipe

SYNTHNET = LabelRecipe(
    name="synthnet",
    config={"base": 16, "levels": 5},
    label_loss="l2",
    sources={"shapes": 1.0},
    corruption=replace(CLEAN, noise=0.01, scale=(0.1, 2.0)),
)

"""dcnet: a U-Net and closed-form data consistencies by turns, the package's own method.

It learns from labels: shapes and simulated heads with corrupted fields, since every measured
field has been through a background removal, which keeps more than its sources.

References
----------
Aggarwal et al., "MoDL: model-based deep learning architecture for inverse problems", IEEE TMI
38:394 (2019), for networks with data consistency inside.
"""

from __future__ import annotations

from qsmbids.training.data.corruption import Corruption
from qsmbids.training.data.grain import Grain
from qsmbids.training.methods.inversion import LabelRecipe

DCNET = LabelRecipe(
    name="dcnet",
    architecture="consistent",
    config={"base": 16, "levels": 5, "iterations": 2},
    corruption=Corruption(removal=0.35, fibres=0.6, rough=0.5),
    grain=Grain(share=0.85),
    patches={64: 0.85, 96: 0.15},
    learning_rate=5e-4,
)

"""What the checks of a page need from the echoes, measured while these are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import traits

from qsmbids.bids import write_json
from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import GridInputs, WritingStage, saved_array


class _QualityInputs(GridInputs):
    path = traits.Str(mandatory=True, desc="where to write the numbers")
    magnitude = saved_array(mandatory=True)
    phase = saved_array(mandatory=True)
    mask = saved_array(mandatory=True, desc="the brain")
    field = saved_array(mandatory=True, desc="total field in ppm")
    weight = saved_array(mandatory=True)
    given = traits.Bool(mandatory=True, desc="the mask is one found in derivatives")


class MeasureQuality(WritingStage):
    """Write what the checks of a series judge by."""

    input_spec = _QualityInputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.reports.checks.measure import measure

        inputs, grid = self.inputs, self.inputs.grid
        names = ("magnitude", "phase", "mask", "field", "weight")
        try:
            told = measure(
                *(arrays.load(getattr(inputs, name)) for name in names),
                voxel_size=grid["voxel_size"],
                b0_dir=grid["b0_dir"],
                affine=np.array(grid["affine"]),
                given=inputs.given,
            )
        except (ValueError, ArithmeticError, IndexError):  # no check is worth a map
            told = {}
        write_json(Path(inputs.path), told)
        self._results["written"] = [inputs.path]

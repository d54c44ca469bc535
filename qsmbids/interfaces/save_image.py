"""An array as an image, for nodes that are not of this package."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import File, TraitedSpec, traits

from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_back
from qsmbids.interfaces.base import GridInputs, Stage, saved_array
from qsmbids.interfaces.images import write_image


class _SaveInputs(GridInputs):
    array = saved_array(mandatory=True, desc="(x, y, z)")
    name = traits.Str(mandatory=True, desc="of the file, without extension")


class _SaveOutputs(TraitedSpec):
    image = File(desc="NIfTI, in the order of axes that the input had")


class SaveImage(Stage):
    """Write an array as an image, for nodes that are not of this package."""

    input_spec = _SaveInputs
    output_spec = _SaveOutputs

    def _compute(self, cwd: str) -> None:
        grid = self.inputs.grid
        path = Path(cwd) / f"{self.inputs.name}.nii.gz"
        values = turn_back(arrays.load(self.inputs.array), grid)
        write_image(path, values, grid["stored"]["affine"])
        self._results["image"] = str(path)

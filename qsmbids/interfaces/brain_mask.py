"""The brain mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import File, isdefined, traits
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_upright
from qsmbids.interfaces.base import GridInputs, Stage, StageOutputs, saved_array
from qsmbids.interfaces.images import read_on_grid


class _BrainMaskInputs(GridInputs):
    magnitude = saved_array(desc="(echo, x, y, z)")
    mask_file = File(exists=True, desc="a mask found in derivatives")
    mask_source = traits.Str(desc="the name of its dataset, and which others fitted less")
    method = traits.Enum("network", "hd-bet", "none", usedefault=True)
    options = traits.Dict(desc="the method's own")


class _MaskOutputs(StageOutputs):
    mask = File(exists=True, desc="(x, y, z)")


class BrainMask(Stage):
    """The brain: from derivatives, or extracted from the magnitude."""

    input_spec = _BrainMaskInputs
    output_spec = _MaskOutputs

    def _compute(self, cwd: str) -> None:
        mask = self._read() if isdefined(self.inputs.mask_file) else self._extract()
        if not mask.any():
            raise InputError(f"{self.inputs.key}: the mask is empty; give one with --derivatives.")
        self._results["mask"] = arrays.save(cwd, "brain", mask)

    def _read(self) -> NDArray[np.bool_]:
        from qsmbids.masking.plausibility import doubts

        path = Path(self.inputs.mask_file)
        grid = self.inputs.grid
        mask = turn_upright(read_on_grid(path, grid["stored"]) > 0.5, grid)
        if not mask.any():
            raise InputError(f"{path.name} is empty; give a mask that holds the brain.")
        if min(np.ptp(np.argwhere(mask), axis=0)) < 2:
            raise InputError(
                f"{path.name} is not three voxels wide along every axis; give a mask that holds "
                "the brain."
            )
        source = self.inputs.mask_source or "derivatives"
        told = doubts(mask, voxel_size=grid["voxel_size"], affine=np.array(grid["affine"]))
        used = f"The mask {path.name} of {source} was used."
        self._describe("Mask", used, {"File": path.name}, told)
        return mask

    def _extract(self) -> NDArray[np.bool_]:
        from qsmbids.masking import brain_mask

        grid = self.inputs.grid
        found = brain_mask(
            arrays.load(self.inputs.magnitude)[0],
            voxel_size=grid["voxel_size"],
            affine=np.array(grid["affine"]),
            method=self.inputs.method,
            **self.inputs.options,
        )
        self._describe("Mask", found.method, dict(self.inputs.options), found.warnings)
        self._results["stage"].update(found.details)
        return found.mask

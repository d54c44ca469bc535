"""Maps in the space of a template, and the transform that leads there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import isdefined, traits
from numpy.typing import ArrayLike, NDArray

from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import saved_array
from qsmbids.interfaces.derivatives import WriteDerivatives, WriteInputs
from qsmbids.interfaces.outputs import Output, transform_path
from qsmbids.interfaces.template import load_brain, load_warp
from qsmbids.registration import Warp, push, write_transform

_INSIDE = 0.5


class _SpaceInputs(WriteInputs):
    space = traits.Str(mandatory=True, desc="the template's name")
    known = saved_array(mandatory=True, desc="where the maps are known")
    displacement = saved_array(mandatory=True)
    warp = traits.Dict(mandatory=True, desc="matrix and affine of the displacement")
    bridge_displacement = saved_array(desc="from the template to another one")
    bridge = traits.Dict()
    template = traits.Dict(desc="what the registration says")


class WriteInSpace(WriteDerivatives):
    """Write every map given as it lies in a template's space, and the transform."""

    input_spec = _SpaceInputs

    def _compute(self, cwd: str) -> None:
        inputs = self.inputs
        self._warps = self._load()
        super()._compute(cwd)
        path = transform_path(Path(inputs.output_dir), inputs.series, inputs.space)
        write_transform(path, self._warps)
        self._results["written"] += [str(path)]

    def _path(self, output: Output) -> Path:
        inputs = self.inputs
        return output.path(Path(inputs.output_dir), inputs.series, inputs.space)

    def _placed(self, values: NDArray[Any]) -> tuple[NDArray[Any], ArrayLike]:
        """Return a map on the template's grid: only what is known is averaged there."""
        t1, onto = load_brain(self.inputs.space)
        known = np.asarray(arrays.load(self.inputs.known), np.float32)
        to = {"affine": self.inputs.grid["affine"], "onto": onto, "shape": t1.shape}
        share = push(known, self._warps, **to)
        total = push(np.asarray(values * known, np.float32), self._warps, **to)
        inside = (share > _INSIDE) & (t1 > 0)
        return np.where(inside, total / np.maximum(share, _INSIDE), np.float32(0)), onto

    def _load(self) -> list[Warp]:
        inputs = self.inputs
        warps = [load_warp(inputs.displacement, inputs.warp)]
        if isdefined(inputs.bridge_displacement):
            warps.append(load_warp(inputs.bridge_displacement, inputs.bridge))
        return warps

    def _provenance(self) -> dict[str, Any]:
        told = super()._provenance()
        doubts = self.inputs.template["Warnings"]
        return {
            **told,
            "Space": {"Name": self.inputs.space, "Method": self.inputs.template["Method"]},
            "Warnings": [*told["Warnings"], *doubts],
        }

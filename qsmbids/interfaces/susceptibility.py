"""Local field and susceptibility."""

from __future__ import annotations

import numpy as np
from nipype.interfaces.base import File, isdefined, traits
from numpy.typing import NDArray

from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs, saved_array


class _BackgroundInputs(StageInputs):
    field = saved_array(mandatory=True)
    mask = saved_array(mandatory=True)
    weight = saved_array()
    grid = traits.Dict(mandatory=True)
    method = traits.Str(mandatory=True)
    options = traits.Dict()


class _BackgroundOutputs(StageOutputs):
    field = File(exists=True, desc="local field in ppm")
    mask = File(exists=True, desc="where it is valid")


class Background(Stage):
    """The local field: the total field without what sources outside make."""

    input_spec = _BackgroundInputs
    output_spec = _BackgroundOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.background import METHODS, remove_background

        inputs = self.inputs
        options = METHODS[inputs.method].resolve(inputs.options)
        local = remove_background(
            arrays.load(inputs.field),
            arrays.load(inputs.mask),
            voxel_size=inputs.grid["voxel_size"],
            b0_dir=inputs.grid["b0_dir"],
            method=inputs.method,
            weight=arrays.load(inputs.weight) if isdefined(inputs.weight) else None,
            **options,
        )
        self._results["field"] = arrays.save(cwd, "local", local.field)
        self._results["mask"] = arrays.save(cwd, "eroded", local.mask)
        self._describe("Background", inputs.method, options)


class _InversionInputs(_BackgroundInputs):
    magnitude = saved_array(desc="(echo, x, y, z), for the methods that look for edges in it")


class _InversionOutputs(StageOutputs):
    chi = File(exists=True, desc="susceptibility in ppm")


class Inversion(Stage):
    """Susceptibility from the local field."""

    input_spec = _InversionInputs
    output_spec = _InversionOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.inversion import METHODS, invert

        inputs = self.inputs
        entry = METHODS[inputs.method]
        options = entry.resolve(inputs.options)
        edges = isdefined(inputs.magnitude) and entry.takes("magnitude")
        chi = invert(
            arrays.load(inputs.field),
            arrays.load(inputs.mask),
            voxel_size=inputs.grid["voxel_size"],
            b0_dir=inputs.grid["b0_dir"],
            weight=arrays.load(inputs.weight) if isdefined(inputs.weight) else None,
            magnitude=_combined(inputs.magnitude) if edges else None,
            method=inputs.method,
            **options,
        )
        self._results["chi"] = arrays.save(cwd, "chi", chi)
        self._describe("Inversion", inputs.method, options)


def _combined(magnitude: str) -> NDArray[np.float32]:
    """Return the root sum of squares over the echoes of a saved series."""
    echoes = arrays.load(magnitude)
    return np.sqrt(np.einsum("exyz,exyz->xyz", echoes, echoes))

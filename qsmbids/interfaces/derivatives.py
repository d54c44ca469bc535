"""Writing what the chain has made into the output dataset."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import isdefined, traits
from numpy.typing import ArrayLike, NDArray

from qsmbids import __version__
from qsmbids.bids import sidecar, write_json
from qsmbids.bids.sidecar import write_curves
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_back
from qsmbids.interfaces.base import GridInputs, WritingStage, saved_array
from qsmbids.interfaces.images import write_image
from qsmbids.interfaces.outputs import (
    OUTPUTS,
    Output,
    chimap,
    curve_path,
    map_before_fit,
    part_map,
    uncertainty_map,
)
from qsmbids.settings import WHOLE_MASK

_DETAILS = (
    *("Weights", "SecondNetwork", "UncertaintyWeights", "Fit", "Device"),
    *("ConditionNumber", "AnglesBetweenOrientations", "SourcesOutsideMasks"),
)
STAGES = (
    *("reading", "masking", "mapping", "decay", "background", "inversion"),
    *("weighting", "separation"),
)
_MAPS: dict[str, Callable[[str], Output]] = {
    "chi": chimap,
    "uncertainty": uncertainty_map,
    "before": map_before_fit,
    "paramagnetic": partial(part_map, sign="Paramagnetic"),
    "diamagnetic": partial(part_map, sign="Diamagnetic"),
}
"""Where the maps of a method go."""


class WriteInputs(GridInputs):
    """Images to write, what made them, and where they go."""

    series = traits.Any(mandatory=True, desc="what the images were made from")
    output_dir = traits.Str(mandatory=True)
    method = traits.Str(desc="of the inversion, for chi")
    brain = saved_array()
    eroded = saved_array()
    reliable = saved_array()
    total = saved_array(desc="ppm")
    local = saved_array(desc="ppm")
    magnitude = saved_array(desc="(echo, x, y, z)")
    registration = saved_array(desc="checkerboard of head orientations")
    swi = saved_array()
    minimum = saved_array(desc="of the susceptibility-weighted image over slabs")
    r2star = saved_array()
    t2star = saved_array()
    s0 = saved_array()
    chi = saved_array(desc="ppm")
    uncertainty = saved_array(desc="of chi, ppm")
    before = saved_array(desc="chi of a network before it was fitted to the field, ppm")
    paramagnetic = saved_array(desc="part of chi, ppm")
    diamagnetic = saved_array(desc="part of chi, ppm")
    curves = traits.Dict(desc="the course of the fit that made chi")
    reading = traits.Dict()
    masking = traits.Dict()
    mapping = traits.Dict()
    decay = traits.Dict()
    background = traits.Dict()
    inversion = traits.Dict()
    weighting = traits.Dict()
    separation = traits.Dict()
    reference = traits.Dict(desc="of the stage that put chi relative to a region")


class WriteDerivatives(WritingStage):
    """Write every image given, and its sidecar."""

    input_spec = WriteInputs

    def _compute(self, cwd: str) -> None:
        series, written = self.inputs.series, []
        provenance = self._provenance()
        for name in (*OUTPUTS, *_MAPS):
            source = getattr(self.inputs, name)
            if not isdefined(source):
                self._forget(name)
                continue
            output = _MAPS[name](self.inputs.method) if name in _MAPS else OUTPUTS[name]
            path = self._path(output)
            values = _CONVERT.get(name, _same)(arrays.load(source), series.field_strength)
            write_image(path, *self._placed(values))
            content = sidecar(series, kind=output.kind, provenance=provenance)
            write_json(path.with_name(path.name.replace(".nii.gz", ".json")), content)
            written.append(str(path))
        if isdefined(self.inputs.curves) and self.inputs.curves:
            output_dir, method = Path(self.inputs.output_dir), self.inputs.method
            write_curves(curve_path(output_dir, series, method), self.inputs.curves)
        self._results["written"] = written

    def _path(self, output: Output) -> Path:
        return output.path(Path(self.inputs.output_dir), self.inputs.series)

    def _placed(self, values: NDArray[Any]) -> tuple[NDArray[Any], ArrayLike]:
        """Return voxels as they are to be stored, and their affine."""
        grid = self.inputs.grid
        return turn_back(values, grid), grid["stored"]["affine"]

    def _forget(self, name: str) -> None:
        """Remove the map from before a fit that an earlier run has left, if this one has none."""
        if name == "before" and isdefined(self.inputs.chi):
            output = map_before_fit(self.inputs.method)
            path = output.path(Path(self.inputs.output_dir), self.inputs.series)
            path.unlink(missing_ok=True)
            path.with_name(path.name.replace(".nii.gz", ".json")).unlink(missing_ok=True)

    def _provenance(self) -> dict[str, Any]:
        """Return what the sidecars say under ``Qsmbids``."""
        inputs = self.inputs
        stages = [getattr(inputs, name) for name in STAGES if isdefined(getattr(inputs, name))]
        last = stages[-1]
        warnings = [*inputs.series.warnings]
        for stage in stages:
            warnings += [text for text in stage["Warnings"] if text not in warnings]
        block = {
            "Version": __version__,
            "Method": last["Method"],
            "MethodLabel": last["Method"],
            "Parameters": last["Parameters"],
            "Warnings": warnings,
            "VoxelSize": inputs.grid["stored"]["voxel_size"],
            "B0Direction": inputs.grid["stored"]["b0_dir"],
            "Stages": stages,
        }
        if "Limits" in last:
            block["Limits"] = last["Limits"]
        if isdefined(inputs.method):
            from qsmbids.inversion import COMBINATIONS, METHODS

            several = inputs.method in COMBINATIONS
            entry = COMBINATIONS[inputs.method] if several else METHODS[inputs.method]
            region = "region that all orientations share" if several else "eroded mask"
            if isdefined(inputs.reference):
                warnings += inputs.reference["Warnings"]
                moved = inputs.reference["Method"] != WHOLE_MASK
                region = f"region {inputs.reference['Method']}" if moved else region
            if isdefined(inputs.chi):
                block |= {name: last[name] for name in _DETAILS if name in last}
                block["MethodLabel"] = entry.label
            block["Reference"] = f"the mean over the {region}, which is set to 0 ppm"
        return block


def _same(values: NDArray[Any], field_strength: float | None) -> NDArray[Any]:
    return values


def _hertz(values: NDArray[Any], field_strength: float) -> NDArray[Any]:
    from qsmbids.physics import hz_per_ppm

    return values * np.float32(hz_per_ppm(field_strength))


def _first_echo(values: NDArray[Any], field_strength: float | None) -> NDArray[Any]:
    return values[0]


_CONVERT: dict[str, Callable[..., NDArray[Any]]] = {
    "total": _hertz,
    "local": _hertz,
    "magnitude": _first_echo,
}

"""Local field, and susceptibility from one or several of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nipype.interfaces.base import File, isdefined, traits

from qsmbids.errors import InputError, noted
from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import (
    GridInputs,
    LocalFieldInputs,
    MethodInputs,
    Stage,
    StageOutputs,
    saved_array,
)


class _BackgroundInputs(LocalFieldInputs, MethodInputs):
    """A field, and how it is worked on."""


class _BackgroundOutputs(StageOutputs):
    field = File(exists=True, desc="local field in ppm")
    mask = File(exists=True, desc="where it is valid")


class Background(Stage):
    """The local field: the total field without what sources outside make."""

    _iterates = True

    input_spec = _BackgroundInputs
    output_spec = _BackgroundOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.background import METHODS, remove_background

        inputs = self.inputs
        options = METHODS[inputs.method].resolve(inputs.options)
        with noted() as notes:
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
        self._describe("Background", inputs.method, options, notes)


class _InversionInputs(LocalFieldInputs, MethodInputs):
    weights = traits.Dict(desc="SHA-256 of the weights files: others give another map")
    device = traits.Str("auto", usedefault=True, nohash=True)
    use_gpu = traits.Bool(
        False, usedefault=True, nohash=True, desc="on a graphics processor, if there is one"
    )
    field_file = traits.Str(desc="whose local field it is, where it was read from a file")
    magnitude = saved_array(desc="(echo, x, y, z), for the methods that look for edges in it")


class _InversionOutputs(StageOutputs):
    chi = File(exists=True, desc="susceptibility in ppm")
    uncertainty = File(desc="half-width of the 68 % interval in ppm, if it was asked for")
    before = File(desc="susceptibility before a network was fitted to the field, if it was")
    curves = traits.Dict(desc="the course of an iterative fit")


class Inversion(Stage):
    """Susceptibility from the local field."""

    _iterates = True

    input_spec = _InversionInputs
    output_spec = _InversionOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.inversion import METHODS, reconstruct
        from qsmbids.inversion.magnitude import combined

        inputs = self.inputs
        entry = METHODS[inputs.method]
        options = entry.resolve(inputs.options)
        edges = isdefined(inputs.magnitude) and entry.takes("magnitude")
        try:
            found = reconstruct(
                arrays.load(inputs.field),
                arrays.load(inputs.mask),
                voxel_size=inputs.grid["voxel_size"],
                b0_dir=inputs.grid["b0_dir"],
                weight=arrays.load(inputs.weight) if isdefined(inputs.weight) else None,
                magnitude=combined(arrays.load(inputs.magnitude)) if edges else None,
                method=inputs.method,
                device=inputs.device,
                **options,
            )
        except ValueError as error:
            if not isdefined(inputs.field_file):
                raise
            raise InputError(f"{inputs.field_file}: {str(error).rstrip('.')}.") from error
        self._refuse_other_weights(found.details)
        self._results["chi"] = arrays.save(cwd, "chi", found.chi)
        for name in ("uncertainty", "before"):
            image = getattr(found, name)
            if image is not None:
                self._results[name] = arrays.save(cwd, name, image)
        self._results["curves"] = {name: list(values) for name, values in found.curves.items()}
        self._describe("Inversion", inputs.method, options, found.warnings)
        self._results["stage"] |= found.details

    def _refuse_other_weights(self, details: Mapping[str, Any]) -> None:
        """A file that a training goes on writing would give each participant another network."""
        expected = self.inputs.weights if isdefined(self.inputs.weights) else {}
        for role, name in (("weights", "Weights"), ("second", "SecondNetwork")):
            used = details.get(name, {}).get("SHA256")
            if used and role in expected and used != expected[role]:
                raise InputError(
                    f"{self.inputs.key}: the weights file of {self.inputs.method} has changed "
                    "since the run began; copy it to where nobody writes, and run again."
                )


class _CombineInputs(GridInputs, MethodInputs):
    fields = saved_array(mandatory=True)
    masks = saved_array(mandatory=True)
    weights = saved_array(mandatory=True)
    b0_dir = traits.List(mandatory=True)


class _CombineOutputs(StageOutputs):
    chi = File(exists=True, desc="susceptibility in ppm")


class Combine(Stage):
    """Susceptibility from the local fields of several head orientations."""

    input_spec = _CombineInputs
    output_spec = _CombineOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.inversion import COMBINATIONS

        inputs = self.inputs
        entry = COMBINATIONS[inputs.method]
        options = entry.resolve(inputs.options)
        own = {name: value for name, value in options.items() if name not in entry.planning}
        found = entry.load()(
            arrays.load(inputs.fields),
            arrays.load(inputs.masks),
            voxel_size=inputs.grid["voxel_size"],
            b0_dir=inputs.b0_dir,
            weight=arrays.load(inputs.weights),
            **own,
        )
        self._results["chi"] = arrays.save(cwd, "chi", found.chi)
        self._describe("Inversion", inputs.method, own, found.warnings)
        self._results["stage"] |= found.details

"""Susceptibility-weighted images, and maps told apart by the sign of their sources."""

from __future__ import annotations

from nipype.interfaces.base import File, traits

from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import GridInputs, MethodInputs, Stage, StageOutputs, saved_array


class _WeightingInputs(GridInputs, MethodInputs):
    magnitude = saved_array(mandatory=True, desc="(echo, x, y, z)")
    field = saved_array(mandatory=True, desc="local field in ppm")
    mask = saved_array(mandatory=True, desc="where it is valid")
    echo_times = traits.List(traits.Float, mandatory=True)
    field_strength = traits.Float(mandatory=True)


class _WeightingOutputs(StageOutputs):
    swi = File(exists=True, desc="in units of the magnitude")
    minimum = File(exists=True, desc="its minimum over slabs, in the mask")


class Weighting(Stage):
    """The susceptibility-weighted image and its minimum-intensity projection."""

    input_spec = _WeightingInputs
    output_spec = _WeightingOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.contrast import WEIGHTING

        inputs = self.inputs
        options = WEIGHTING[inputs.method].resolve(inputs.options)
        weighted = WEIGHTING[inputs.method].load()(
            arrays.load(inputs.magnitude),
            arrays.load(inputs.field),
            arrays.load(inputs.mask),
            echo_times=inputs.echo_times,
            field_strength=inputs.field_strength,
            voxel_size=inputs.grid["voxel_size"],
            **options,
        )
        for name, image in weighted._asdict().items():
            self._results[name] = arrays.save(cwd, name, image)
        self._describe("Weighting", inputs.method, options)


class _SeparationInputs(MethodInputs):
    chi = saved_array(mandatory=True, desc="ppm")
    r2star = saved_array(mandatory=True, desc="1/s")
    mask = saved_array(mandatory=True, desc="where both are known")
    field_strength = traits.Float(mandatory=True)
    echo_times = traits.List(traits.Float, mandatory=True, desc="of the echoes that R2* is from")


class _SeparationOutputs(StageOutputs):
    paramagnetic = File(exists=True, desc="ppm, at least 0")
    diamagnetic = File(exists=True, desc="ppm, at most 0")


class Separation(Stage):
    """The paramagnetic and the diamagnetic part of a susceptibility map."""

    input_spec = _SeparationInputs
    output_spec = _SeparationOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.contrast import SEPARATION
        from qsmbids.contrast.separation import LIMITS, span_doubts

        inputs = self.inputs
        options = SEPARATION[inputs.method].resolve(inputs.options)
        parts = SEPARATION[inputs.method].load()(
            arrays.load(inputs.chi),
            arrays.load(inputs.r2star),
            arrays.load(inputs.mask),
            field_strength=inputs.field_strength,
            **options,
        )
        self._results["paramagnetic"] = arrays.save(cwd, "paramagnetic", parts.paramagnetic)
        self._results["diamagnetic"] = arrays.save(cwd, "diamagnetic", parts.diamagnetic)
        doubts = [*span_doubts(inputs.echo_times, inputs.field_strength), *parts.doubts()]
        self._describe("Separation", inputs.method, options, doubts)
        self._results["stage"] |= {
            "Limits": list(LIMITS),
            "UnexplainedShare": round(parts.unexplained, 4),
        }

"""Total field and decay."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from nipype.interfaces.base import File, traits
from numpy.typing import NDArray

from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import GridInputs, Stage, StageInputs, StageOutputs, saved_array
from qsmbids.interfaces.sign import tell_sign
from qsmbids.physics.slabs import side_by_side

if TYPE_CHECKING:
    from qsmbids.phase.total_field import FieldEstimate


class _FieldMapInputs(GridInputs):
    magnitude = saved_array(mandatory=True)
    phase = saved_array(mandatory=True)
    mask = saved_array(mandatory=True)
    echo_times = traits.List(traits.Float, mandatory=True)
    difference = traits.Bool(False, usedefault=True, desc="phase counts from the first echo")
    field_strength = traits.Float(mandatory=True)
    fit = traits.Str(mandatory=True)
    unwrapping = traits.Str(mandatory=True)
    sign = traits.Enum("auto", "positive", "negative")


class _FieldMapOutputs(StageOutputs):
    field = File(exists=True, desc="total field in ppm")
    weight = File(exists=True, desc="0 to 1; 0 where the field cannot be trusted")
    mask = File(exists=True, desc="for the removal of the background; no holes")
    reliable = File(exists=True, desc="where the field can be trusted")
    unwrapped = File(exists=True, desc="phase of the last echo in radians, without its offset")
    noise = File(exists=True, desc="standard deviation of the field in ppm")
    residual = File(exists=True, desc="what the fit left of the phase in radians")


class FieldMap(Stage):
    """The total field from the phase, how far to trust it, and where."""

    input_spec = _FieldMapInputs
    output_spec = _FieldMapOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.masking import reliability_mask
        from qsmbids.phase import estimate_field

        inputs, grid = self.inputs, self.inputs.grid
        magnitude = arrays.load(inputs.magnitude)
        brain = arrays.load(inputs.mask)
        phase = arrays.load(inputs.phase)
        times = list(inputs.echo_times)
        if inputs.difference:  # counts from the first echo, so only the spacing matters
            times = [times[1] - times[0], 2 * (times[1] - times[0])]
        estimate = estimate_field(
            phase,
            magnitude,
            times,
            field_strength=inputs.field_strength,
            mask=brain,
            fit=inputs.fit,
            unwrapping=inputs.unwrapping,
            voxel_size=grid["voxel_size"],
        )
        # Two echoes leave no residual to judge by: the smoothness of the phase stands in.
        proof = (
            {"residual": estimate.residual}
            if len(magnitude) > 2
            else {"phase": phase[1 if inputs.difference else 0]}
        )
        voxel_size, weight = grid["voxel_size"], estimate.weight
        sign, (mask, reliable, losses) = side_by_side(
            [
                partial(tell_sign, estimate.field, magnitude[0], weight, grid, inputs.sign),
                partial(
                    reliability_mask,
                    brain,
                    voxel_size=voxel_size,
                    weight=weight,
                    noise=estimate.noise,
                    **proof,
                ),
            ]
        )
        made = {
            "field": sign.factor * estimate.field,
            "weight": np.where(reliable, estimate.weight, 0),
            "mask": mask,
            "reliable": reliable,
            "unwrapped": self._unwrapped(phase, times, estimate),
            "noise": estimate.noise,
            "residual": estimate.residual,
        }
        self._results |= arrays.save_all(cwd, made)
        self._describe(
            "Total field",
            inputs.fit,
            {"Unwrapping": inputs.unwrapping, "Phase sign": sign.how},
            [*estimate.warnings, *losses, *sign.doubts],
        )
        self._results["stage"]["Residual"] = _residual(estimate.residual, reliable)

    def _unwrapped(
        self, phase: NDArray[np.float32], times: list[float], estimate: FieldEstimate
    ) -> NDArray[np.float32]:
        """Return the last echo's phase as the field has it, for people to look at."""
        from qsmbids.phase.fits import nearest
        from qsmbids.physics import hz_per_ppm

        difference = self.inputs.difference
        time = times[0] if difference else times[-1]
        offset = np.float32(0) if difference else estimate.offset
        turns = np.float32(2 * np.pi * hz_per_ppm(self.inputs.field_strength) * time)
        return np.where(
            arrays.load(self.inputs.mask), nearest(phase[-1] - offset, turns * estimate.field), 0
        )


def _residual(residual: NDArray[np.float32], reliable: NDArray[np.bool_]) -> float:
    """Return the root mean square in radians of what the fit left in the reliable voxels."""
    values = residual[reliable]
    return round(float(np.sqrt(np.mean(values**2, dtype=np.float64))), 4) if values.size else 0.0


class _RelaxometryInputs(StageInputs):
    magnitude = saved_array(mandatory=True)
    mask = saved_array(mandatory=True)
    echo_times = traits.List(traits.Float, mandatory=True)


class _RelaxometryOutputs(StageOutputs):
    r2star = File(exists=True, desc="1/s")
    t2star = File(exists=True, desc="s")
    s0 = File(exists=True, desc="signal at echo time 0")


class Relaxometry(Stage):
    """R2*, T2* and S0 from the decay of the magnitude."""

    input_spec = _RelaxometryInputs
    output_spec = _RelaxometryOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.phase import fit_decay

        decay = fit_decay(
            arrays.load(self.inputs.magnitude),
            self.inputs.echo_times,
            arrays.load(self.inputs.mask),
        )
        for name in ("r2star", "t2star", "s0"):
            self._results[name] = arrays.save(cwd, name, getattr(decay, name))
        self._describe("Decay", "weighted log-linear fit of the magnitude over echo times", {})

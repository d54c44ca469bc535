"""Reading a total or local field that was made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, InputMultiPath, isdefined, traits
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_upright, with_b0
from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs
from qsmbids.interfaces.images import RATES, check_grid, placed, read_echoes, read_image
from qsmbids.interfaces.sign import tell_sign

_LARGEST_FIELD = 1000.0  # ppm: a hundred times what air and tissue make of each other


class _LoadFieldInputs(StageInputs):
    field = File(mandatory=True)
    field_units = traits.Enum("ppm", "Hz", "rad/s", usedefault=True)
    field_strength = traits.Either(None, traits.Float, desc="tesla; needed unless ppm")
    b0_dir = traits.List(traits.Float, desc="along the stored voxel axes, if not the affine's")
    magnitude = InputMultiPath(File(), desc="one file an echo, or one of all")
    volumes = traits.List(traits.Int, desc="of one file, those of the echoes in order")
    from_scanner = traits.Bool(False, usedefault=True, desc="of any sign, perhaps wrapped")
    sign = traits.Enum("auto", "positive", "negative", usedefault=True, desc="of the scanner's")
    kind = traits.Enum("total-field", "local-field")


class _LoadFieldOutputs(StageOutputs):
    field = File(exists=True, desc="(x, y, z) in ppm")
    weight = File(
        exists=True,
        desc="0 to 1; 0 where the field is exactly 0: not measured; of a local field the magnitude",
    )
    magnitude = File(desc="(echo, x, y, z), if there is one")
    grid = traits.Dict(desc="shape, affine, voxel size and B0 direction")


class LoadField(Stage):
    """Read a total or local field that was made elsewhere."""

    input_spec = _LoadFieldInputs
    output_spec = _LoadFieldOutputs

    def _compute(self, cwd: str) -> None:
        path = Path(self.inputs.field)
        data, affine = read_image(path)
        grid, note, doubts = placed(path, data.shape, affine)
        if self.inputs.b0_dir:
            grid = with_b0(grid, self.inputs.b0_dir)
        if (data == data.flat[0]).all():
            raise InputError(f"{path.name} is {data.flat[0]:g} in every voxel; it holds no field.")
        data = turn_upright(data * np.float32(self._to_ppm()), grid)
        self._refuse_absurd(data)
        weight = (data != 0).astype(np.float32)
        how: dict[str, str] = {}
        signal = None
        if self.inputs.magnitude:
            magnitude = self._magnitude(grid)
            self._results["magnitude"] = arrays.save(cwd, "magnitude", magnitude)
            signal = magnitude[0]
            if self.inputs.kind == "local-field":
                weight = self._confidence(data, magnitude)
                how["Weight"] = "magnitude over its maximum"
        if self.inputs.from_scanner:
            self._refuse_wrapped(data)
            if signal is not None:  # the noise of a field goes with one over the magnitude
                weight *= np.minimum(signal / np.percentile(signal, 99), 1)
            sign = tell_sign(data, signal, weight, grid, self.inputs.sign)
            data = data * sign.factor
            how["Sign"] = sign.how
            doubts += sign.doubts
        self._results["field"] = arrays.save(cwd, "field", data)
        self._results["weight"] = arrays.save(cwd, "weight", weight)
        self._results["grid"] = grid
        rule = f"The {self.inputs.kind.replace('-', ' ')} was read from {path.name}."
        if "Weight" in how:
            rule += " Each voxel counted by its magnitude."
        rule = f"{rule} {note}" if note else rule
        self._describe("Reading", rule, {"Units": self.inputs.field_units, **how}, doubts)

    def _refuse_absurd(self, field: NDArray[np.float32]) -> None:
        """Refuse a voxel beyond B0 itself, or many beyond what any susceptibility makes."""
        size = np.abs(field)
        usual = float(np.percentile(size[size > 0], 99)) if size.any() else 0.0
        if usual > _LARGEST_FIELD or size.max() > 1e6:
            raise InputError(
                f"{Path(self.inputs.field).name} holds fields of {usual:.3g} ppm and up to "
                f"{size.max():.3g} ppm, if its Units are {self.inputs.field_units}; no head makes "
                f"more than {_LARGEST_FIELD:g} ppm: correct Units, MagneticFieldStrength or the "
                "values."
            )

    def _refuse_wrapped(self, field: NDArray[np.float32]) -> None:
        """Refuse a map that ends at opposite values and jumps from one to the other."""
        from qsmbids.phase.wraps import wraps

        low, high = float(field.min()), float(field.max())
        if min(-low, high) > 0.98 * max(-low, high) and wraps(field[None]):
            raise InputError(
                f"{Path(self.inputs.field).name} is wrapped: neighbours jump by its whole range of "
                f"+-{high / self._to_ppm():.4g} {self.inputs.field_units}; state EchoTime1 and "
                "EchoTime2 in its sidecar, by which it can be unwrapped here, or unwrap it."
            )

    def _confidence(
        self, field: NDArray[np.float32], magnitude: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return how far to trust a local field, which has no noise of its own with it."""
        from qsmbids.inversion.magnitude import combined, magnitude_weight

        try:
            return magnitude_weight(field, combined(magnitude))
        except ValueError:
            name = Path(self.inputs.magnitude[0]).name
            raise InputError(
                f"{name} is zero or no number everywhere; it holds no image."
            ) from None

    def _magnitude(self, grid: dict[str, Any]) -> NDArray[np.float32]:
        """Return the magnitude (echo, x, y, z) on the field's grid."""
        echoes: list[NDArray[np.float32]] = []
        for path in map(Path, self.inputs.magnitude):
            data, affine = read_echoes(path)
            check_grid(path, data.shape[1:], affine, grid["stored"])
            echoes += [data[volume] for volume in self.inputs.volumes or range(len(data))]
        return np.stack([turn_upright(echo, grid) for echo in echoes])

    def _to_ppm(self) -> float:
        """Return the factor that turns the file's unit into ppm."""
        from qsmbids.physics import hz_per_ppm

        if self.inputs.field_units == "ppm":
            return 1.0
        strength = self.inputs.field_strength
        if strength is None or not isdefined(strength):
            raise InputError(
                f"{Path(self.inputs.field).name} is in {self.inputs.field_units}: give "
                "MagneticFieldStrength in its sidecar."
            )
        return float(1 / RATES[self.inputs.field_units] / hz_per_ppm(strength))

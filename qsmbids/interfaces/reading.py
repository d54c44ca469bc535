"""Reading a series into arrays."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, InputMultiPath, isdefined, traits
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs
from qsmbids.interfaces.orientation import turn_upright, upright_grid, with_b0
from qsmbids.interfaces.sign import tell_sign

_LARGEST_FIELD = 1000.0  # ppm: a hundred times what air and tissue make of each other
_RATES = {"Hz": 1.0, "rad/s": 2 * np.pi}  # what of each makes a turn in a second


def _placed(
    path: Path, shape: tuple[int, ...], affine: NDArray[np.float64]
) -> tuple[dict[str, Any], str, list[str]]:
    """Return the upright grid of an image, what was chosen from its header, and doubts."""
    placement = arrays.read_placement(path)
    grid = upright_grid(arrays.make_grid(path, shape, affine))
    if placement.b0_dir is not None:
        grid = with_b0(grid, placement.b0_dir, stated=False)
    return grid, placement.rule, list(placement.warnings)


class _LoadSeriesInputs(StageInputs):
    images = InputMultiPath(File(exists=True), mandatory=True, desc="all files, by content")
    magnitude = traits.List(traits.Str, desc="one file an echo")
    phase = traits.List(traits.Str, desc="one file an echo")
    real = traits.List(traits.Str, desc="one file an echo")
    imaginary = traits.List(traits.Str, desc="one file an echo")
    phase_units = traits.Either(None, traits.Str, desc="Units of the phase's sidecar")
    manufacturer = traits.Either(None, traits.Str, desc="Manufacturer of the phase's sidecar")
    volumes = traits.List(traits.Int, desc="of one file, those of the echoes in order")
    difference = traits.List(
        traits.Float, desc="echo times in s, where phase is the difference between two echoes"
    )


class _LoadSeriesOutputs(StageOutputs):
    magnitude = File(exists=True, desc="(echo, x, y, z)")
    phase = File(exists=True, desc="(echo, x, y, z) in radians")
    grid = traits.Dict(desc="shape, affine, voxel size and B0 direction")


class LoadSeries(Stage):
    """Read magnitude and phase of all echoes; phase in radians."""

    input_spec = _LoadSeriesInputs
    output_spec = _LoadSeriesOutputs

    def _compute(self, cwd: str) -> None:
        inputs = self.inputs
        self._results["grid"] = {}
        self._notes: list[str] = []
        self._warnings: list[str] = []
        magnitude, phase = self._from_phase() if inputs.phase else self._from_parts()
        self._refuse_misnamed(magnitude, phase)
        self._mend_slices(magnitude[0], phase)
        if inputs.difference:
            magnitude, phase = self._as_two_echoes(magnitude, phase)
        self._results["phase"] = arrays.save(cwd, "phase", phase)
        self._results["magnitude"] = arrays.save(cwd, "magnitude", magnitude)
        rule = " ".join(self._notes)
        self._describe("Reading", rule, {"Echoes": len(magnitude)}, self._warnings)

    def _from_phase(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from qsmbids.phase import to_radians

        inputs, stored = self.inputs, self._stack(self.inputs.phase)
        if inputs.phase_units in _RATES:
            return self._stack(inputs.magnitude), self._from_rate(stored)
        phase, rule, warnings = to_radians(
            stored, units=inputs.phase_units, manufacturer=inputs.manufacturer
        )
        self._notes.append(rule)
        self._warnings += warnings
        return self._stack(inputs.magnitude), phase

    def _from_rate(self, rate: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the phase difference that a field map in Hz or rad/s was made from."""
        units, (first, second) = self.inputs.phase_units, self.inputs.difference
        self._notes.append(
            f"The field map in {units} was multiplied by the time between its echoes."
        )
        turns = rate * np.float32((second - first) / _RATES[units])
        return (turns - np.round(turns)) * np.float32(2 * np.pi)

    def _from_parts(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from qsmbids.phase import from_real_imaginary

        inputs = self.inputs
        self._notes.append(
            "Magnitude and phase were computed from the real and the imaginary part."
        )
        magnitude, phase = from_real_imaginary(
            self._stack(inputs.real), self._stack(inputs.imaginary)
        )
        self._refuse_constant(phase, inputs.imaginary)
        return magnitude, phase

    def _refuse_misnamed(self, magnitude: NDArray[np.float32], phase: NDArray[np.float32]) -> None:
        from qsmbids.phase import check_pair

        for echo, image in enumerate(magnitude):
            if image.min() < 0 or not image.any():
                name = _file_of(self.inputs.magnitude or self.inputs.real, echo)
                raise InputError(
                    f"{name}: the magnitude is zero everywhere, or negative somewhere; is it a "
                    "magnitude image?"
                )
        check_pair(magnitude[0], phase[0])

    def _mend_slices(self, first: NDArray[np.float32], phase: NDArray[np.float32]) -> None:
        """Give every second slice its sign back where it was lost; phase is changed in place."""
        from qsmbids.phase import alternating_axis, mend_alternation

        axis = alternating_axis(first, phase[0])
        if axis is not None:
            mend_alternation(phase, axis)
            names = ("left to right", "back to front", "feet to head")
            self._notes.append(
                f"Every second slice from {names[axis]} had the opposite sign, as GE writes it: "
                "it was turned back."
            )

    def _as_two_echoes(
        self, magnitude: NDArray[np.float32], phase: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a phase difference as two echoes, the first of which has no phase."""
        first, second = (1000 * time for time in self.inputs.difference)
        self._notes.append(
            f"It is the phase difference between echoes at {first:g} and {second:g} ms."
        )
        both = magnitude if len(magnitude) == 2 else np.repeat(magnitude, 2, axis=0)
        return both, np.concatenate([np.zeros_like(phase), phase])

    def _stack(self, names: list[str]) -> NDArray[np.float32]:
        """Return the echoes' voxels in one array, all on the grid of the series."""
        stack: NDArray[Any] | None = None
        volumes = self.inputs.volumes or [0]
        paths = [Path(name) for name in names]
        for number, (path, (data, affine)) in enumerate(zip(paths, self._read(paths), strict=True)):
            if len(data) != len(volumes):
                raise InputError(
                    f"{path.name} holds {len(data)} volumes, {len(volumes)} are needed; convert "
                    "it again."
                )
            if not self._results["grid"]:
                grid, note, doubts = _placed(path, data.shape[1:], affine)
                self._results["grid"] = grid
                self._notes += [note] if note else []
                self._warnings += doubts
            grid = self._results["grid"]
            arrays.check_grid(path, data.shape[1:], affine, grid["stored"])
            if stack is None:
                stack = np.empty((len(names) * len(volumes), *grid["shape"]), np.float32)
            for echo, volume in enumerate(volumes, number * len(volumes)):
                image = data[volume]
                if (image == image.flat[0]).all():
                    raise InputError(
                        f"{path.name} is {image.flat[0]:g} in every voxel; it holds no image."
                    )
                stack[echo] = turn_upright(image, grid)
        if stack is None:
            raise InputError(f"{self.inputs.key}: the series has no images.")
        return stack

    def _read(self, paths: list[Path]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
        """Give the images in order; decompression runs on several threads."""
        threads = self.inputs.num_threads
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, len(paths), threads):
                yield from pool.map(arrays.read_echoes, paths[first : first + threads])

    @staticmethod
    def _refuse_constant(phase: NDArray[np.float32], names: list[str]) -> None:
        for echo, image in enumerate(phase):
            if (image == image.flat[0]).all():
                name = _file_of(names, echo)
                raise InputError(f"{name}: the phase is constant; it holds no field.")


def _file_of(names: list[str], echo: int) -> str:
    """Return the name of the file that holds an echo: its own, or the one of all."""
    return Path(names[min(echo, len(names) - 1)]).name


class _LoadFieldInputs(StageInputs):
    images = InputMultiPath(File(exists=True), mandatory=True, desc="all files, by content")
    field = traits.Str(mandatory=True)
    field_units = traits.Enum("ppm", "Hz", "rad/s")
    field_strength = traits.Either(None, traits.Float, desc="tesla; needed unless ppm")
    b0_dir = traits.List(traits.Float, desc="along the stored voxel axes, if not the affine's")
    magnitude = traits.List(traits.Str, desc="one file an echo, or one of all")
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
        data, affine = arrays.read_image(path)
        grid, note, doubts = _placed(path, data.shape, affine)
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
            data, affine = arrays.read_echoes(path)
            arrays.check_grid(path, data.shape[1:], affine, grid["stored"])
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
        return float(1 / _RATES[self.inputs.field_units] / hz_per_ppm(strength))

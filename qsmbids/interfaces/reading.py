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
        self._results["phase"] = arrays.save(cwd, "phase", phase)
        self._results["magnitude"] = arrays.save(cwd, "magnitude", magnitude)
        rule = " ".join(self._notes)
        self._describe("Reading", rule, {"Echoes": len(magnitude)}, self._warnings)

    def _from_phase(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from qsmbids.phase import to_radians

        inputs = self.inputs
        phase, rule, warnings = to_radians(
            self._stack(inputs.phase), units=inputs.phase_units, manufacturer=inputs.manufacturer
        )
        self._notes.append(rule)
        self._warnings += warnings
        return self._stack(inputs.magnitude), phase

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

        for name, echo in zip(self.inputs.magnitude or self.inputs.real, magnitude, strict=True):
            if echo.min() < 0 or not echo.any():
                raise InputError(
                    f"{Path(name).name}: the magnitude is zero everywhere, or negative somewhere; "
                    "is it a magnitude image?"
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

    def _stack(self, names: list[str]) -> NDArray[np.float32]:
        """Return the echoes' voxels in one array, all on the grid of the series."""
        stack: NDArray[Any] | None = None
        paths = [Path(name) for name in names]
        for echo, (path, (data, affine)) in enumerate(zip(paths, self._read(paths), strict=True)):
            if not self._results["grid"]:
                grid, note, doubts = _placed(path, data.shape, affine)
                self._results["grid"] = grid
                self._notes += [note] if note else []
                self._warnings += doubts
            grid = self._results["grid"]
            arrays.check_grid(path, data.shape, affine, grid["stored"])
            if (data == data.flat[0]).all():
                raise InputError(
                    f"{path.name} is {data.flat[0]:g} in every voxel; it holds no image."
                )
            if stack is None:
                stack = np.empty((len(names), *grid["shape"]), np.float32)
            stack[echo] = turn_upright(data, grid)
        if stack is None:
            raise InputError(f"{self.inputs.key}: the series has no images.")
        return stack

    def _read(self, paths: list[Path]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
        """Give the images in order; decompression runs on several threads."""
        threads = self.inputs.num_threads
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, len(paths), threads):
                yield from pool.map(arrays.read_image, paths[first : first + threads])

    @staticmethod
    def _refuse_constant(phase: NDArray[np.float32], names: list[str]) -> None:
        for name, echo in zip(names, phase, strict=True):
            if (echo == echo.flat[0]).all():
                raise InputError(f"{Path(name).name}: the phase is constant; it holds no field.")


class _LoadFieldInputs(StageInputs):
    images = InputMultiPath(File(exists=True), mandatory=True, desc="all files, by content")
    field = traits.Str(mandatory=True)
    field_units = traits.Enum("ppm", "Hz")
    field_strength = traits.Either(None, traits.Float, desc="tesla; needed unless ppm")
    b0_dir = traits.List(traits.Float, desc="along the stored voxel axes, if not the affine's")
    magnitude = traits.List(traits.Str)
    kind = traits.Enum("total-field", "local-field")


class _LoadFieldOutputs(StageOutputs):
    field = File(exists=True, desc="(x, y, z) in ppm")
    weight = File(exists=True, desc="1 where the field was measured, 0 where it is exactly 0")
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
        if self.inputs.magnitude:
            echoes = [arrays.read_on_grid(Path(p), grid["stored"]) for p in self.inputs.magnitude]
            turned = np.stack([turn_upright(echo, grid) for echo in echoes])
            self._results["magnitude"] = arrays.save(cwd, "magnitude", turned)
        self._results["field"] = arrays.save(cwd, "field", data)
        self._results["weight"] = arrays.save(cwd, "weight", (data != 0).astype(np.float32))
        self._results["grid"] = grid
        rule = f"The {self.inputs.kind.replace('-', ' ')} was read from {path.name}."
        rule = f"{rule} {note}" if note else rule
        self._describe("Reading", rule, {"Units": self.inputs.field_units}, doubts)

    def _to_ppm(self) -> float:
        """Return the factor that turns the file's unit into ppm."""
        from qsmbids.physics import hz_per_ppm

        if self.inputs.field_units == "ppm":
            return 1.0
        strength = self.inputs.field_strength
        if strength is None or not isdefined(strength):
            raise InputError(
                f"{Path(self.inputs.field).name} is in Hz: give MagneticFieldStrength in its "
                "sidecar."
            )
        return 1 / hz_per_ppm(strength)

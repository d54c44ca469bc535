"""Reading magnitude and phase of a series into arrays."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, InputMultiPath, traits
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_upright
from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs
from qsmbids.interfaces.images import RATES, check_grid, placed, read_echoes


class _LoadSeriesInputs(StageInputs):
    magnitude = InputMultiPath(File(), desc="one file an echo")
    phase = InputMultiPath(File(), desc="one file an echo")
    real = InputMultiPath(File(), desc="one file an echo")
    imaginary = InputMultiPath(File(), desc="one file an echo")
    phase_units = traits.Either(None, traits.Str, desc="Units of the phase's sidecar")
    manufacturer = traits.Either(None, traits.Str, desc="Manufacturer of the phase's sidecar")
    volumes = traits.List(traits.Int, desc="of one file, those of the echoes in order")
    echo_times = traits.List(traits.Float, desc="in s; needed of a phase difference")
    difference = traits.Bool(
        False, usedefault=True, desc="phase is the difference between the two echoes"
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
        self._results |= arrays.save_all(cwd, {"phase": phase, "magnitude": magnitude})
        rule = " ".join(self._notes)
        self._describe("Reading", rule, {"Echoes": len(magnitude)}, self._warnings)

    def _from_phase(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from qsmbids.phase import to_radians

        inputs, stored = self.inputs, self._stack(self.inputs.phase)
        if inputs.phase_units in RATES:
            return self._stack(inputs.magnitude), self._from_rate(stored)
        phase, rule, warnings = to_radians(
            stored, units=inputs.phase_units, manufacturer=inputs.manufacturer
        )
        self._notes.append(rule)
        self._warnings += warnings
        return self._stack(inputs.magnitude), phase

    def _from_rate(self, rate: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the phase difference that a field map in Hz or rad/s was made from."""
        units, (first, second) = self.inputs.phase_units, self.inputs.echo_times
        self._notes.append(
            f"The field map in {units} was multiplied by the time between its echoes."
        )
        turns = rate * np.float32((second - first) / RATES[units])
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
        first, second = (1000 * time for time in self.inputs.echo_times)
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
                grid, note, doubts = placed(path, data.shape[1:], affine)
                self._results["grid"] = grid
                self._notes += [note] if note else []
                self._warnings += doubts
            grid = self._results["grid"]
            check_grid(path, data.shape[1:], affine, grid["stored"])
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
                yield from pool.map(read_echoes, paths[first : first + threads])

    @staticmethod
    def _refuse_constant(phase: NDArray[np.float32], names: list[str]) -> None:
        for echo, image in enumerate(phase):
            if (image == image.flat[0]).all():
                name = _file_of(names, echo)
                raise InputError(f"{name}: the phase is constant; it holds no field.")


def _file_of(names: list[str], echo: int) -> str:
    """Return the name of the file that holds an echo: its own, or the one of all."""
    return Path(names[min(echo, len(names) - 1)]).name

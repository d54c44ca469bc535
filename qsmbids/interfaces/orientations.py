"""Bringing several head orientations onto one grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, InputMultiPath, traits
from numpy.typing import NDArray

from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs
from qsmbids.registration import Rigid, b0_after, register, resample, resample_mask

SQUARE = 24.0
"""Edge in mm of the fields of the checkerboard that shows the registration."""


class _AlignInputs(StageInputs):
    notes = InputMultiPath(File(exists=True), mandatory=True, desc="of `NoteOrientation`")


class _AlignOutputs(StageOutputs):
    fields = File(exists=True, desc="(orientation, x, y, z) in ppm, on the first one's grid")
    masks = File(exists=True)
    weights = File(exists=True)
    checkerboard = File(desc="of the magnitudes, if all orientations have one")
    b0_dir = traits.List(desc="of each orientation, along the voxel axes of that grid")
    grid = traits.Dict(desc="of the first orientation")


class Align(Stage):
    """Bring the local fields of all orientations onto the first one's grid."""

    input_spec = _AlignInputs
    output_spec = _AlignOutputs

    def _compute(self, cwd: str) -> None:
        notes = [json.loads(Path(path).read_text(encoding="utf-8")) for path in self.inputs.notes]
        first = notes[0]
        moved = [_Moved(note, first) for note in notes]
        for name in ("field", "mask", "weight"):
            stack = np.stack([getattr(one, name) for one in moved])
            self._results[f"{name}s"] = arrays.save(cwd, f"{name}s", stack)
        if all("magnitude" in note for note in notes):
            board = _checkerboard(moved, first["grid"]["voxel_size"])
            self._results["checkerboard"] = arrays.save(cwd, "checkerboard", board)
        self._results["b0_dir"] = [list(one.b0_dir) for one in moved]
        self._results["grid"] = first["grid"]
        aligned = all(one.aligned for one in moved)
        how = (
            "The local fields of all head orientations lay on one grid."
            if aligned
            else "The magnitude of each head orientation was registered rigidly to the first by "
            "mutual information with SimpleITK, and its local field resampled by cubic splines."
        )
        self._describe("Registration", how, {})
        self._results["stage"]["Orientations"] = [one.description() for one in moved]


class _Moved:
    """One orientation on the first one's grid."""

    def __init__(self, note: dict[str, Any], first: dict[str, Any]):
        self.key = note["key"]
        grid, onto = note["grid"], first["grid"]
        same = grid["shape"] == onto["shape"] and np.allclose(grid["affine"], onto["affine"])
        # On one grid, a B0 direction that is not the affine's was stated: the fields are aligned.
        self.aligned = note is first or (same and bool(grid.get("b0_stated")))
        self.rigid = Rigid() if self.aligned else _registered(note, first)
        self.b0_dir = tuple(grid["b0_dir"])
        self.field, self.weight = _array(note, "field"), _array(note, "weight")
        self.mask = arrays.load(note["mask"])
        self.magnitude = _array(note, "magnitude")[0] if "magnitude" in note else None
        if not self.aligned:
            self._move(grid["affine"], onto)

    def _move(self, affine: Any, onto: dict[str, Any]) -> None:
        motion = self.rigid.matrix
        to: dict[str, Any] = {"affine": affine, "onto": onto["affine"], "motion": motion}
        self.b0_dir = b0_after(self.b0_dir, **to)
        to["shape"] = onto["shape"]
        mask = self.mask
        self.field = resample(self.field, mask, **to)
        self.weight = np.clip(resample(self.weight, mask, order=1, **to), 0, 1)
        self.mask = resample_mask(mask, **to)
        if self.magnitude is not None:
            whole = np.ones_like(mask)
            self.magnitude = resample(self.magnitude, whole, order=1, **to)

    def description(self) -> dict[str, Any]:
        """Return what the sidecar says of this orientation."""
        return {
            "Series": self.key,
            "B0Direction": [round(float(x), 6) for x in self.b0_dir],
            "RotationDegrees": round(self.rigid.angle, 3),
            "Registration": np.round(self.rigid.matrix, 6).tolist(),
            "MutualInformation": round(self.rigid.information, 4),
        }


def _checkerboard(moved: list[_Moved], voxel_size: list[float]) -> NDArray[np.float32]:
    """Return the first magnitude in the even fields, the mean of the others in the odd ones."""
    inside = np.all([one.mask for one in moved], axis=0)
    if not inside.any():
        raise InputError("the orientations have no part of the brain in common.")
    images = [one.magnitude for one in moved if one.magnitude is not None]
    shown = [image / image[inside].mean() for image in images]
    squares = [max(1, round(SQUARE / size)) for size in voxel_size]
    fields = [np.arange(n) // square for n, square in zip(inside.shape, squares, strict=True)]
    odd = sum(np.ix_(*fields)) % 2 == 1
    return np.where(odd, np.mean(shown[1:], axis=0), shown[0]).astype(np.float32)


def _array(note: dict[str, Any], name: str) -> NDArray[np.float32]:
    return np.asarray(arrays.load(note[name]), dtype=np.float32)


def _registered(note: dict[str, Any], first: dict[str, Any]) -> Rigid:
    for one in (first, note):
        if "magnitude" not in one:
            raise InputError(
                f"{one['key']} has no magnitude to register the head by; add one beside its "
                "field, or state B0Direction in the sidecars of fields on one grid."
            )
    try:
        return register(
            _array(first, "magnitude")[0],
            _array(note, "magnitude")[0],
            fixed_affine=first["grid"]["affine"],
            moving_affine=note["grid"]["affine"],
            fixed_mask=arrays.load(first["mask"]),
            moving_mask=arrays.load(note["mask"]),
        )
    except ValueError as error:
        raise InputError(f"{note['key']}: {error}.") from error

"""Memory and disk that a series takes, told before it is processed; nothing heavy is imported."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from qsmbids.bids import Series
from qsmbids.errors import InputError
from qsmbids.inversion import METHODS
from qsmbids.inversion.inversion_methods import INFERENCE
from qsmbids.settings import Settings
from qsmbids.workflows.plan import images

# Peak memory in volumes of float32, by `benchmarks/memory.py`: fixed part, and part for each echo.
_VOLUMES = {
    "LoadSeries": (1, 4),
    "LoadField": (4, 1),
    "BrainMask": (6, 0),
    "FieldMap": (18, 3),
    "Relaxometry": (5, 1),
    "Background": (20, 0),
    "Inversion": (35, 0),  # a mask that fills the grid
    "Weighting": (6, 1),
    "Separation": (6, 0),
    "MeasureQuality": (7, 1),
    "DrawEchoes": (8, 0),
    "ParticipantReport": (20, 0),
    "Segmentation": (14, 0),  # with the segmentation itself, on another grid
    "RegisterToTemplate": (30, 1),  # most of it at 1 mm
    "AtlasRegions": (14, 0),
    "RegisterTemplate": (30, 0),
    "WriteInSpace": (20, 0),
    "Reference": (4, 0),
    "MeasureRegions": (8, 0),
    "WriteDerivatives": (3, 0),
    "WriteDicom": (5, 0),
    "SaveImage": (5, 0),
    "StoreSubject": (5, 0),
    "NoteOrientation": (1, 0),
    "Align": (12, 5),  # each orientation
    "Combine": (16, 8),
}
_PROCESS_GB = 0.52  # a worker that has imported all that stages need, the brain network included
_TILES_GB, _BESIDE = 3.0, 12  # what networks take at the most by default, and volumes beside it
LEADING_GB = 0.25
"""What the process that leads the workers takes, and the server that they are forked from."""


def stage_memory(interface: str, voxels: int, echoes: int, method: str | None = None) -> float:
    """Return the peak memory of a stage in GB; some inversions take more than the others."""
    fixed, each = _VOLUMES[interface]
    volumes = fixed + each * echoes
    if interface == "Inversion" and method is not None:
        volumes = max(volumes, METHODS[method].volumes)
    needed = volumes * voxels * 4e-9
    if method is not None and interface == "Inversion" and METHODS[method].volumes == INFERENCE:
        needed = min(needed, max(_TILES_GB + _BESIDE * voxels * 4e-9, fixed * voxels * 4e-9))
    return _PROCESS_GB + needed


def voxels_of(series: Series) -> int:
    """Return the voxels of one volume, from the header.

    Raises
    ------
    InputError
        If the first image is no longer what it was when the series was found.
    """
    import nibabel as nib

    from qsmbids.bids.check import UNREADABLE

    try:
        image: Any = nib.load(series.images[0])
        return math.prod(image.shape[:3])
    except UNREADABLE as error:
        raise InputError(
            f"{series.images[0].name} was changed or removed after the dataset was searched; run "
            "the same command again."
        ) from error


def series_memory(voxels: int, echoes: int, methods: Iterable[str] = ()) -> float:
    """Return the peak memory in GB of the stage that takes most."""
    stages = [stage_memory(name, voxels, echoes) for name in _VOLUMES]
    return max(stages + [stage_memory("Inversion", voxels, echoes, name) for name in methods])


def disk_space(series: Series, settings: Settings, voxels: int) -> tuple[int, int]:
    """Return the bytes that a series takes in the work directory and in the output folder."""
    volume = 4 * voxels
    kept = 2 * max(len(series.echo_times), 1) + 10 + len(settings.methods)
    return kept * volume, len(images(series, settings)) * volume

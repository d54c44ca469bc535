"""One map without BIDS: what it is made from, a local field and its mask, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import set_workers

from qsmbids import __version__
from qsmbids.bids import write_json
from qsmbids.bids.sidecar import KINDS, write_curves
from qsmbids.errors import InputError
from qsmbids.interfaces.axis_order import make_grid
from qsmbids.interfaces.images import read_image, read_on_grid, write_image
from qsmbids.interfaces.params import read_params
from qsmbids.inversion import METHODS, reconstruct
from qsmbids.inversion.magnitude import magnitude_weight

_LARGEST_MEAN = 0.5  # ppm, fifty times a brain's: in Hz that has 0.6 at 1.5 T and 3 at 7 T


@dataclass(frozen=True, kw_only=True)
class MapJob:
    """What to make a map from, how, and where it goes.

    Attributes
    ----------
    source, mask : Path
        The local field, or the phase of all echoes; where it is valid.
    out : Path
        The map to write, ``.nii.gz``.
    method : str
        Of inversion.
    options : mapping of str to mapping
        Of the methods, by name.
    device, threads
        Where networks compute; of FFTs.
    """

    source: Path
    mask: Path
    out: Path
    method: str
    options: Mapping[str, Mapping[str, Any]]
    device: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class Made:
    """A map, as it is to be stored, and how it came to be."""

    chi: NDArray[np.float32]
    uncertainty: NDArray[np.float32] | None
    affine: Any
    curves: Mapping[str, Sequence[float]]
    told: Mapping[str, Any]
    sources: Sequence[Path]


@dataclass(frozen=True, kw_only=True)
class FieldJob(MapJob):
    """A map of a local field.

    Attributes
    ----------
    weight, magnitude : Path or None
        How far to trust each voxel; without the first, the second says it.
    b0_dir, params : sequence of float or None, Path or None
        B0 along the voxel axes, or the file that has it, instead of the affine.
    units, field_strength, echo_time : str, float or None, float or None
        What the field is said to be in.
    ppm_per_unit : float
        What it is multiplied by.
    """

    weight: Path | None = None
    magnitude: Path | None = None
    b0_dir: Sequence[float] | None = None
    params: Path | None = None
    units: str = "ppm"
    field_strength: float | None = None
    echo_time: float | None = None
    ppm_per_unit: float = 1.0


def from_field(job: FieldJob) -> Made:
    """Return the map of a local field; `InputError` if the data cannot be used."""
    local, affine = read_image(job.source)
    grid = make_grid(job.source, local.shape, affine)
    if job.b0_dir:
        grid["b0_dir"] = job.b0_dir
    if job.params:
        grid |= read_params(job.params, "voxel_size", "b0_dir")
    mask = read_on_grid(job.mask, grid)
    weight, magnitude = (
        read_on_grid(path, grid) if path else None for path in (job.weight, job.magnitude)
    )
    _refuse_other_units(local, mask != 0, job)
    options = METHODS[job.method].resolve(job.options.get(job.method, {}))
    try:
        with set_workers(job.threads):
            found = reconstruct(
                local * job.ppm_per_unit,
                mask,
                voxel_size=grid["voxel_size"],
                b0_dir=grid["b0_dir"],
                weight=_confidence(local, mask, weight, magnitude),
                magnitude=magnitude,
                method=job.method,
                device=job.device,
                **options,
            )
    except ValueError as error:
        raise InputError(f"{job.source.name}: {error}.") from error
    told = {
        "Version": __version__,
        "Method": job.method,
        "MethodLabel": METHODS[job.method].label,
        "Parameters": options,
        "Weight": _weighted_by(job),
        **found.details,
        "Warnings": [*found.warnings],
        "Reference": "the mean over the mask, which is set to 0 ppm",
        "FieldUnits": job.units,
        "FieldStrength": job.field_strength,
        "EchoTime": job.echo_time,
        "VoxelSize": [*grid["voxel_size"]],
        "B0Direction": [*grid["b0_dir"]],
    }
    images = (job.source, job.mask, job.weight, job.magnitude)
    return Made(
        found.chi,
        found.uncertainty,
        grid["affine"],
        found.curves,
        told,
        [path for path in images if path],
    )


def _refuse_other_units(local: NDArray[np.float32], mask: NDArray[np.bool_], job: FieldJob) -> None:
    """Refuse a field of a size that only other units explain."""
    size = float(np.abs(local[mask]).mean()) * job.ppm_per_unit if mask.any() else 0.0
    if size > _LARGEST_MEAN:
        raise InputError(
            f"{job.source.name} has a mean size of {size:.3g} ppm in the mask, if it is in "
            f"{job.units}, where a brain's local field has 0.01 ppm: say in which units it is with "
            "--units Hz or --units rad, or remove the background first."
        )


def _confidence(
    local: NDArray[np.float32],
    mask: NDArray[np.float32],
    weight: NDArray[np.float32] | None,
    magnitude: NDArray[np.float32] | None,
) -> NDArray[np.generic]:
    """Return the weight: as given, or from the magnitude; 0 where the field was not measured."""
    if weight is not None:
        return weight
    return local != 0 if magnitude is None else magnitude_weight(local, magnitude, mask != 0)


def _weighted_by(job: FieldJob) -> str:
    """Return what a sidecar says of the weight."""
    if job.weight:
        return "as given"
    return "magnitude over its maximum in the mask" if job.magnitude else "uniform"


def write_map(out: Path, made: Made) -> None:
    """Write map, uncertainty and course of the fit, as there are; beside images their origin."""
    stem = out.name.removesuffix(".nii.gz")
    for name, image, kind in (
        (stem, made.chi, "Chimap"),
        (f"{stem}_uncertainty", made.uncertainty, "Uncertainty_Chimap"),
    ):
        if image is not None:
            write_image(out.with_name(f"{name}.nii.gz"), image, made.affine)
            sources = [str(path) for path in made.sources]
            content = {**KINDS[kind], "Sources": sources, "Qsmbids": dict(made.told)}
            write_json(out.with_name(f"{name}.json"), content)
    if made.curves:
        write_curves(out.with_name(f"{stem}_curve.tsv"), made.curves)

"""One door to every inversion method, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as member
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.array_types import Float
from qsmbids.checks import check_field, check_geometry, check_shapes
from qsmbids.errors import noted
from qsmbids.inversion.inversion_methods import DEFAULT, METHODS
from qsmbids.inversion.unknown_voxels import fill_unknown
from qsmbids.physics import Problem, bounding_box
from qsmbids.physics.units import ppm_per_unit


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A susceptibility map with its evidence.

    Attributes
    ----------
    chi : (x, y, z) float32 array
        Susceptibility in ppm.
    uncertainty : (x, y, z) float32 array or None
        Half-width in ppm of the interval that holds the true value with 68 %.
    before : (x, y, z) float32 array or None
        Of a network that was fitted to the field: its map before that.
    curves : mapping of str to sequence of float
        What an iterative fit has minimised and watched, one value an iteration.
    details : mapping
        Plain values for the sidecar: ``Weights``, ``Fit``, ``Device``.
    warnings : tuple of str
        Sentences for the report.
    """

    chi: Float
    uncertainty: Float | None = None
    before: Float | None = None
    curves: Mapping[str, Sequence[float]] = member(default_factory=dict)
    details: Mapping[str, Any] = member(default_factory=dict)
    warnings: tuple[str, ...] = ()


def invert(
    field: ArrayLike,
    mask: ArrayLike,
    *,
    units: str,
    field_strength: float | None = None,
    echo_time: float | None = None,
    **how: Any,
) -> Float:
    """Return the susceptibility (x, y, z) in ppm whose dipole field is ``field``.

    Parameters
    ----------
    field, mask : (x, y, z) array_like
        Local field, background removed, and where it is valid.
    units : {"ppm", "Hz", "rad/s", "rad"}
        Of the field. A field map of BIDS is in Hz, as its sidecar says: at 3 T the map would be
        128 times too large if it were taken as ppm.
    field_strength, echo_time : float, optional
        In tesla and in seconds, for the units that need them.
    **how
        Other parameters, errors and reference of the map are those of `reconstruct`, which takes
        ppm and also gives what else the method knows of the map.
    """
    scale = ppm_per_unit(units, field_strength=field_strength, echo_time=echo_time)
    return reconstruct(np.asarray(field) * np.float32(scale), mask, **how).chi


def reconstruct(
    field: ArrayLike,
    mask: ArrayLike,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[float] = (0, 0, 1),
    weight: ArrayLike | None = None,
    magnitude: ArrayLike | None = None,
    method: str = DEFAULT,
    device: str = "auto",
    **options: Any,
) -> Reconstruction:
    """Return the susceptibility whose dipole field is ``field``, and its evidence.

    Parameters
    ----------
    field : (x, y, z) array_like
        Local field in ppm of B0, background removed.
    mask : (x, y, z) array_like
        Where the field is valid.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (3,) sequence of float
        B0 along the voxel axes.
    weight : (x, y, z) array_like, optional
        Confidence in each voxel's field, 0 to 1, proportional to 1/noise; uniform by default.
        Where it is 0 the field is not known and may be anything, NaN too: networks get there
        what the voxels around say.
    magnitude : (x, y, z) array_like, optional
        Signal magnitude in any unit, for the methods that look for edges in it.
    method : str
        A name in ``METHODS``.
    device : {"auto", "cpu", "cuda"}
        Where networks compute; auto is a graphics processor where there is one.
    **options
        The method's own options.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm, zero outside the mask, its mean over the mask set to zero: a
        field does not determine the mean. Uncertainty, curves and details as the method gives
        them.

    Raises
    ------
    ValueError
        If shapes differ, the mask is empty, the field is zero in the mask or not finite where
        it counts, or the magnitude is not finite in the mask.
    UsageError
        If the method or one of its options does not exist.

    Notes
    -----
    Transforms run on as many threads as `scipy.fft.set_workers` says, one by default.
    """
    values, inside = np.asarray(field, dtype=np.float32), np.asarray(mask) != 0
    check_shapes(values, inside, weight)
    gaps = inside & (False if weight is None else np.asarray(weight) == 0)
    values = np.where(gaps & ~np.isfinite(values), np.float32(0), values)
    check_field(values, inside, weight)
    check_geometry(voxel_size, b0_dir)
    _check_magnitude(magnitude, inside)
    entry = METHODS[method]
    chosen = entry.resolve(options)
    box = bounding_box(inside)
    support = inside[box]

    def cut(image: ArrayLike) -> Float:
        return np.where(support, np.asarray(image, dtype=np.float32)[box], np.float32(0))

    problem = Problem(
        cut(values),
        support,
        tuple(voxel_size),
        tuple(b0_dir),
        None if weight is None else cut(weight),
        None if magnitude is None else cut(magnitude),
        device,
    )
    if "device" in entry.uses:  # a network, which has no place for a weight in its input
        problem = fill_unknown(problem, gaps[box])
    with noted() as notes:
        made = entry.load()(problem, **chosen)
    found = made if isinstance(made, Reconstruction) else Reconstruction(made)

    def whole(part: Float) -> Float:
        image = np.zeros(inside.shape, np.float32)
        image[box] = np.where(support, part, 0)
        return image

    def referenced(chi: Float) -> Float:
        return whole(chi - chi[support].mean(dtype=np.float64))

    return replace(
        found,
        chi=referenced(found.chi),
        before=None if found.before is None else referenced(found.before),
        uncertainty=None if found.uncertainty is None else whole(found.uncertainty),
        warnings=tuple(dict.fromkeys((*found.warnings, *notes))),
    )


def _check_magnitude(magnitude: ArrayLike | None, inside: NDArray[np.bool_]) -> None:
    if magnitude is None:
        return
    if np.shape(magnitude) != inside.shape:
        raise ValueError(
            f"the magnitude's shape {np.shape(magnitude)} is not the field's {inside.shape}"
        )
    if not np.isfinite(np.asarray(magnitude)[inside]).all():
        raise ValueError("the magnitude holds NaN or infinite values inside the mask")

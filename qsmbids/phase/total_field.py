"""The total field and its noise from the phase of one or more echoes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from qsmbids.array_types import Bool, Float
from qsmbids.checks import check_geometry
from qsmbids.errors import InputError
from qsmbids.phase.consistency import check_echo_times
from qsmbids.phase.echoes import Fitted, Voxels, fit_one, fit_series
from qsmbids.phase.filtered import high_pass_doubt
from qsmbids.phase.fits import wrapped
from qsmbids.phase.phase_methods import FITS, UNWRAPPING
from qsmbids.phase.signal_noise import field_noise
from qsmbids.physics import hz_per_ppm
from qsmbids.physics.slabs import side_by_side


class FieldEstimate(NamedTuple):
    """The total field and how far to trust it; arrays are (x, y, z) float32, 0 off the mask.

    Attributes
    ----------
    field : ppm of B0.
    noise : ppm, standard deviation of ``field``; where the unwrapping may be wrong by a turn, at
        least half a turn; where there is no signal, a large number.
    offset : rad, phase at echo time zero, wrapped.
    weight : 0 to 1, proportional to 1 / noise, 1 from the 99th percentile on.
    residual : rad, root mean square over echoes of what the line leaves, weighted as the fit;
        zero for fewer than three echoes.
    warnings : sentences for the sidecar.
    """

    field: Float
    noise: Float
    offset: Float
    weight: Float
    residual: Float
    warnings: tuple[str, ...]


def estimate_field(
    phase: ArrayLike,
    magnitude: ArrayLike,
    echo_times: Sequence[float],
    *,
    field_strength: float,
    mask: ArrayLike,
    fit: str = "linear",
    unwrapping: str = "best-path",
    voxel_size: Sequence[float],
) -> FieldEstimate:
    """Return the total field in ppm, phase growing with time where the field is positive.

    Parameters
    ----------
    phase : (echo, x, y, z) or (x, y, z) array_like
        Wrapped phase in radians.
    magnitude : array_like of the same shape
        In any unit.
    echo_times : (echo,) sequence of float
        In seconds, in any order.
    field_strength : float
        In tesla.
    mask : (x, y, z) array_like
        Where to estimate; it may be coarse.
    fit : str
        A name in ``FITS``.
    unwrapping : str
        A name in ``UNWRAPPING``.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.

    Raises
    ------
    ValueError
        If shapes do not agree, or the voxel size is none.
    InputError
        If the mask is empty, values are not finite, or the echoes do not line up in time.

    Notes
    -----
    The complex ratio of successive echoes has no phase offset; it is unwrapped in space and
    predicts every echo, which is unwrapped in time against that prediction and then fitted.
    Where the first echo comes sooner than the echoes follow each other, it is unwrapped in
    space as well, less its smoothed offset, since it holds fewer wraps.
    With one echo the unwrapped phase is divided by the echo time, and the offset of coil and
    transmitter stays in the field.
    """
    check_geometry(voxel_size, (0, 0, 1))
    times = check_echo_times(echo_times)
    series, signal, inside = _as_series(phase, magnitude, mask, len(times))
    order = np.argsort(times)
    if (np.diff(order) < 0).any():
        times, series, signal = times[order], series[order], signal[order]
    for registry, name in ((FITS, fit), (UNWRAPPING, unwrapping)):
        registry[name]  # an unknown name fails before the work starts
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    region, cut = inside[box], (slice(None), *box)
    voxels = Voxels(series[cut], signal[cut], times, region, tuple(voxel_size))

    def fitted_or_error() -> Fitted | InputError:
        try:
            single = len(times) == 1
            return fit_one(voxels, unwrapping) if single else fit_series(voxels, unwrapping, fit)
        except InputError as error:
            return error

    judge = partial(
        high_pass_doubt,
        voxels.image(voxels.phase[-1]),
        voxels.image(voxels.magnitude[-1]),
        float(times[-1]),
        field_strength=field_strength,
        voxel_size=voxels.voxel_size,
    )
    fitted, doubt = side_by_side([fitted_or_error, judge])
    if isinstance(fitted, InputError):
        raise InputError(f"{fitted} {doubt}".strip()) from fitted
    to_ppm = np.float32(1 / (2 * math.pi * hz_per_ppm(field_strength)))
    noise = np.maximum(field_noise(voxels.magnitude, times, fitted.noise), fitted.doubt) * to_ppm
    precision = 1 / noise
    weight = np.minimum(precision / np.percentile(precision, 99), 1)

    def image(values: Float) -> Float:
        result = np.zeros(inside.shape, dtype=np.float32)
        result[inside] = values
        return result

    found = {
        "field": fitted.line.slope * to_ppm,
        "noise": noise,
        "offset": wrapped(fitted.line.offset),
        "weight": weight,
        "residual": fitted.residual,
    }
    images = side_by_side([partial(image, values) for values in found.values()])
    return FieldEstimate(
        **dict(zip(found, images, strict=True)),
        warnings=tuple([doubt] * bool(doubt) + fitted.warnings),
    )


def _as_series(
    phase: ArrayLike, magnitude: ArrayLike, mask: ArrayLike, echoes: int
) -> tuple[Float, Float, Bool]:
    series = np.asarray(phase, dtype=np.float32)
    signal = np.asarray(magnitude, dtype=np.float32)
    inside = np.asarray(mask) != 0
    if series.ndim == 3:
        series, signal = series[None], signal[None]
    if series.ndim != 4 or signal.shape != series.shape or inside.shape != series.shape[1:]:
        raise ValueError(
            f"phase {series.shape}, magnitude {signal.shape} and mask {inside.shape} do not agree"
        )
    if len(series) != echoes:
        raise InputError(f"There are {len(series)} phase images but {echoes} echo times.")
    if not inside.any():
        raise InputError("The mask is empty.")
    return series, signal, inside

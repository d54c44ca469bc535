"""Susceptibility from several head orientations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qsmbids.array_types import Bool, Complex, Float
from qsmbids.checks import check_field, check_geometry, check_solver
from qsmbids.inversion.conditioning import angles_between, condition_number, doubts
from qsmbids.inversion.reconstruction import Reconstruction
from qsmbids.physics import DipoleConvolution, bounding_box
from qsmbids.physics.solve import conjugate_gradients, spectral_inner

# Frequencies that the orientations together know worse than this share of the best known wait
# for later iterations, which early stopping then spares the noise.
DAMPING = 0.01
# Sources outside the masks are believed in where they lower the residual by more than noise lets
# them: a little in proportion, and a part of the field.
BETTER, MORE = 1.15, 0.01


def cosmos(
    fields: ArrayLike,
    masks: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    voxel_size: Sequence[float],
    b0_dir: Sequence[Sequence[float]],
    iterations: int = 30,
    tolerance: float = 1e-4,
    max_condition: float = 50.0,
) -> Reconstruction:
    r"""Return the susceptibility that explains the local fields of all orientations at once.

    Minimises :math:`\sum_i \|W_i (D_i \chi - f_i)\|^2` by conjugate gradients, preconditioned
    with the solution that is exact where the fields are known everywhere: a division by
    :math:`\sum_i D_i^2` in k-space. That division alone takes the fields outside of the masks
    for zero, which costs a fifth of the map.

    Sources are looked for within the masks first: that a map ends there tells much of the
    frequencies that the orientations leave open. Where such sources leave clearly more of the
    fields unexplained than sources everywhere do, those outside are left free. So it is after
    background removal with an eroded mask, for the fields of the eroded rim stay in.

    Parameters
    ----------
    fields : (orientation, x, y, z) array_like
        Local fields in ppm of B0, on one grid in which the head does not move.
    masks : (orientation, x, y, z) or (x, y, z) array_like
        Where each field is valid.
    voxel_size : (3,) sequence of float
        Edge lengths in mm.
    b0_dir : (orientation, 3) sequence of float
        B0 of each orientation along the voxel axes.
    weight : (orientation, x, y, z) array_like, optional
        Confidence in each field, 0 to 1, proportional to 1/noise; uniform by default.
    iterations : int
        The most steps; more of them follow the noise. Within the masks half of them are enough.
    tolerance : float
        Stop when the residual of the normal equations has fallen to this part.
    max_condition : float
        Condition number above which the orientations are said to be too alike.

    Returns
    -------
    Reconstruction
        Susceptibility in ppm where all fields are valid, zero elsewhere, its mean over that
        region set to zero; the condition number, the angles between the orientations and whether
        there are sources outside the masks stand in ``details``.

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two orientations, the masks have no voxel in
        common, or a field or weight cannot be used.

    References
    ----------
    Liu et al., Magn Reson Med 61:196 (2009).
    """
    check_solver(tolerance, iterations)
    if not max_condition > 1:
        raise ValueError(f"max_condition must be above 1, not {max_condition}")
    data = np.asarray(fields, dtype=np.float32)
    valid, inside = _check(data, masks, voxel_size, b0_dir, weight)
    data = np.where(valid, data, np.float32(0))  # what lies outside may be anything
    box = bounding_box(np.asarray(valid.any(axis=0)))
    every = (slice(None), *box)
    trust = valid[every].astype(np.float32)
    if weight is not None:
        trust *= np.asarray(weight, dtype=np.float32)[every]
    dipoles = [DipoleConvolution(trust.shape[1:], voxel_size, b0) for b0 in b0_dir]
    model = _Model(dipoles, data[every], trust)
    chi = np.zeros(data.shape[1:], np.float32)
    chi[box], beyond = _solve(model, np.asarray(valid[every].any(axis=0)), iterations, tolerance)
    chi = np.where(inside, chi - chi[inside].mean(dtype=np.float64), 0).astype(np.float32)
    condition = condition_number(b0_dir)
    details = {
        "ConditionNumber": round(condition, 2),
        "AnglesBetweenOrientations": angles_between(b0_dir),
        "SourcesOutsideMasks": beyond,
    }
    warnings = doubts(len(data), condition, max_condition)
    return Reconstruction(chi, details=details, warnings=warnings)


def _check(
    fields: Float,
    masks: ArrayLike,
    voxel_size: Sequence[float],
    b0_dir: Sequence[Sequence[float]],
    weight: ArrayLike | None,
) -> tuple[Bool, Bool]:
    """Return the masks, one a field, and the region that they have in common."""
    if fields.ndim != 4 or len(fields) < 2:
        raise ValueError("the fields must be a stack (orientation, x, y, z) of two or more")
    if len(b0_dir) != len(fields):
        raise ValueError(f"there are {len(fields)} fields but {len(b0_dir)} B0 directions")
    if weight is not None and np.shape(weight) != fields.shape:
        raise ValueError(f"the weights' shape {np.shape(weight)} is not the fields' {fields.shape}")
    given: Bool = np.asarray(masks, dtype=bool)
    if given.shape not in (fields.shape, fields.shape[1:]):
        raise ValueError(f"the masks' shape {given.shape} is not the fields' {fields.shape}")
    valid = np.broadcast_to(given, fields.shape)
    for number, direction in enumerate(b0_dir):
        check_geometry(voxel_size, direction)
        trust = None if weight is None else np.asarray(weight)[number]
        check_field(fields[number], valid[number], trust)
    inside: Bool = np.all(valid, axis=0)
    if not inside.any():
        raise ValueError("the orientations' masks have no voxel in common")
    return valid, inside


class _Model:
    """The normal equations of all orientations, on half spectra."""

    def __init__(self, dipoles: Sequence[DipoleConvolution], fields: Float, weight: Float):
        self.dipoles, self.fields, self.weight2 = dipoles, fields, weight**2
        self.target = np.zeros(dipoles[0].kernel.shape, np.complex64)
        known = np.zeros(dipoles[0].kernel.shape, np.float32)
        for dipole, field, weight2 in zip(self.dipoles, fields, self.weight2, strict=True):
            self.target += dipole.kernel * dipole.transform(weight2 * field)
            known += dipole.kernel**2 * weight2.mean()
        self.inverse = 1 / (known + DAMPING * known.max())
        self.inverse[0, 0, 0] = 0  # no field determines the mean

    def normal(self, chi: Complex) -> Complex:
        """Return what the orientations together make of the image with spectrum ``chi``."""
        result = np.zeros_like(chi)
        for dipole, weight2 in zip(self.dipoles, self.weight2, strict=True):
            field = dipole.inverse(dipole.kernel * chi)
            field *= weight2
            image = dipole.transform(field)
            image *= dipole.kernel
            result += image
        return result

    def solve(self, iterations: int, tolerance: float, within: Bool | None = None) -> Complex:
        """Return the spectrum of the image, which is zero outside of ``within``."""
        first = self.dipoles[0]

        def confine(chi: Complex) -> Complex:
            return chi if within is None else first.transform(first.inverse(chi) * within)

        return conjugate_gradients(
            lambda chi: confine(self.normal(chi)),
            confine(self.target),
            tolerance,
            iterations,
            lambda residual: confine(self.inverse * residual),
            dot=lambda a, b: spectral_inner(a, b, first.padded[-1]),
        )

    def unexplained(self, chi: Complex) -> float:
        """Return the weighted norm of what the image leaves of the fields, 1 being all."""
        left, whole = 0.0, 0.0
        for dipole, field, weight2 in zip(self.dipoles, self.fields, self.weight2, strict=True):
            difference = dipole.inverse(dipole.kernel * chi) - field
            left += float(np.vdot(weight2 * difference, difference))
            whole += float(np.vdot(weight2 * field, field))
        return float(np.sqrt(left / whole)) if whole else 0.0


def _solve(model: _Model, within: Bool, iterations: int, tolerance: float) -> tuple[Float, bool]:
    """Return the image, and whether the fields ask for sources outside of ``within``."""
    image = model.dipoles[0].inverse
    confined = model.solve(max(iterations // 2, 1), tolerance, within)
    left = model.unexplained(confined)
    if left <= MORE:
        return image(confined), False
    free = model.solve(iterations, tolerance)
    beyond = left > BETTER * model.unexplained(free) + MORE
    return image(free if beyond else confined), beyond

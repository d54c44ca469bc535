"""What the scripts share: heads that no network has seen, their fields, and how maps are scored."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qsmbids.background import remove_background
from qsmbids.inversion import METHODS, Reconstruction, reconstruct
from qsmbids.phase import estimate_field
from qsmbids.physics import DipoleConvolution, bounding_box
from qsmbids.simulation import TISSUES, Head, HeadRecipe, simulate_head
from qsmbids.training.data.corruption import CLEAN, Corruption, corrupt
from qsmbids.training.data.random_fields import SmoothNoise

FIELD_OF_VIEW = (164.0, 205.0, 205.0)  # mm
FIRST_HEAD = 1000  # seeds below belong to training
DEEP_GREY = ("caudate", "putamen", "pallidum", "substantia nigra", "red nucleus", "dentate")
LESIONS = ("calcification", "haemorrhage")
SEGMENTATION = {
    "caudate": 1,
    "pallidum": 2,
    "putamen": 3,
    "red nucleus": 4,
    "dentate": 5,
    "substantia nigra": 6,
    "thalamus": 7,
    "white matter": 8,
    "grey matter": 9,
    "fluid": 10,
    "vein": 11,
    "bone": 13,
    "air": 14,
    "muscle": 15,
    "calcification": 16,
}
"""Labels of QSM-CI's segmentation, by the names of the simulated tissues."""
Float = NDArray[np.float32]
Case = dict[str, Any]
"""``field`` and ``chi`` in ppm, ``mask``, ``weight`` or None, ``magnitude``, ``labels``, and the
geometry (``voxel_size``, ``b0_dir``); on the grid of the brain's bounding box."""


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows a script's docstring and knows what most scripts ask."""
    asked = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--size", type=float, default=2.0, help="voxel edge in mm")
    asked.add_argument("--threads", type=int, default=2)
    return asked


def random_head(
    size: float | Sequence[float],
    seed: int | None,
    *,
    tilt: tuple[float, float] = (0, 0),
    **more: Any,
) -> Head:
    """Return the head of a seed's anatomy (None: the standard one) at ``size`` mm."""
    x, y, z = np.broadcast_to(size, 3).tolist()
    a, b, c = (round(length / edge) for length, edge in zip(FIELD_OF_VIEW, (x, y, z), strict=True))
    recipe = HeadRecipe(
        shape=(a, b, c), voxel_size=(x, y, z), b0_tilt=tilt, seed=seed or 0, anatomy=seed, **more
    )
    return simulate_head(recipe)


def geometry(head: Head) -> dict[str, Any]:
    """Return voxel size and B0 direction as the stages take them."""
    return {"voxel_size": head.voxel_size, "b0_dir": head.b0_dir}


def total_field(head: Head, mask: NDArray[np.bool_]) -> Any:
    """Return the total field that is estimated from the head's phase, and what goes with it."""
    return estimate_field(
        head.phase,
        head.magnitude,
        head.echo_times,
        field_strength=head.field_strength,
        mask=mask,
        voxel_size=head.voxel_size,
    )


def cropped(head: Head, field: Float, mask: NDArray[np.bool_], weight: Float | None = None) -> Case:
    """Return a case of the head with this local field."""
    box = bounding_box(head.brain_mask)
    case = {"field": field, "mask": mask, "chi": head.chi, "labels": head.labels}
    case["magnitude"] = head.magnitude[0]
    cut = {name: image[box] for name, image in case.items()}
    return {**cut, **geometry(head), "weight": None if weight is None else weight[box]}


def corrupted(head: Head, number: int, how: Corruption) -> Case:
    """Return the dipole field of the head's brain as ``how`` corrupts it."""
    rng = np.random.default_rng(number)
    case = cropped(head, head.local_field, head.brain_mask)
    mask = case["mask"]
    dipole = DipoleConvolution(mask.shape, head.voxel_size, head.b0_dir, 32)
    noise = SmoothNoise(rng, mask.shape)
    return (
        case | corrupt(rng, case["chi"], mask, dipole=dipole, noise=noise, how=how) | {"mask": mask}
    )


def noisy(head: Head, number: int, most: float = 0.006) -> Case:
    """Return the dipole field with noise, ``most`` ppm at the most where the magnitude is full."""
    return corrupted(head, number, replace(CLEAN, noise=most))


def measured(head: Head, number: int) -> Case:
    """Return a field with what measured ones have and simulations lack.

    A smooth field that no susceptibility explains, half as strong as the rest (with that TKD and
    total variation reach on a simulated head what they reach in vivo), a residual of the
    background, wrong voxels, noise.
    """
    how = Corruption(background=0.3, model=0.0, noise=0.003, wrong=0.002, scale=(1.0, 1.0))
    case = corrupted(head, number, how)
    mask = case["mask"]
    smooth = SmoothNoise(np.random.default_rng(number), mask.shape)(3.0 / head.voxel_size[0])
    case["field"] += np.where(mask, 0.5 * case["field"][mask].std() * smooth, 0)
    return case


FIELDS = {"noisy": noisy, "measured": measured}


def background_removed(head: Head) -> Case:
    """Return what background removal leaves of the head's total field."""
    local = remove_background(head.total_field, head.brain_mask, **geometry(head))
    return cropped(head, local.field, local.mask)


def inverted(case: Case, method: str, **options: Any) -> Reconstruction:
    """Return the reconstruction of a case by a method, without its uncertainty."""
    if METHODS[method].takes("uncertainty"):
        options = {"uncertainty": False, **options}
    given = {name: case[name] for name in ("voxel_size", "b0_dir", "weight", "magnitude")}
    return reconstruct(case["field"], case["mask"], method=method, **given, **options)


def nrmse(found: Float, truth: Float, where: NDArray[np.bool_], *, demean: bool = True) -> float:
    """Return 100 |found - truth| / |truth| inside ``where``, by default without the means."""
    a, b = (image[where] - (image[where].mean() if demean else 0) for image in (found, truth))
    return float(100 * np.linalg.norm(a - b) / np.linalg.norm(b))


def tissues(labels: NDArray[np.integer], names: Iterable[str]) -> NDArray[np.bool_]:
    """Return where one of the tissues is."""
    return np.isin(labels, [TISSUES[name].label for name in names])


def near_lesions(chi: Float, case: Case) -> float:
    """Return the root mean square error in ppb within 5 mm of the lesions, outside of them."""
    edge = max(case["voxel_size"])
    lesions = tissues(case["labels"], LESIONS)
    distance = ndimage.distance_transform_edt(~lesions, sampling=case["voxel_size"])
    # the voxels at a lesion's rim hold parts of it
    near = (distance > 2 * edge) & (distance <= 5 + edge) & case["mask"]
    if not near.any():
        return float("nan")
    error = chi - case["chi"]
    return float(1e3 * np.sqrt(np.mean((error[near] - error[case["mask"]].mean()) ** 2)))

"""Images and transforms of SimpleITK, in the world of NIfTI's affines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qsmbids.errors import UsageError
from qsmbids.physics import voxel_size


def demand_simpleitk(what: str = "COSMOS registers the head's orientations") -> Any:
    """Return the module SimpleITK; raise `UsageError` where it is not installed.

    Parameters
    ----------
    what : str
        Who needs it for what: the beginning of the sentence.
    """
    try:
        import SimpleITK
    except ImportError as error:
        raise UsageError(
            f"{what} with SimpleITK, which is not installed; install it with: pip install "
            "'qsmbids[registration]'."
        ) from error
    return SimpleITK


def to_image(sitk: Any, array: ArrayLike, affine: ArrayLike) -> Any:
    """Return an array (x, y, z) as an image in the world of its affine."""
    voxels = np.asarray(array)
    voxels = voxels.astype(np.uint8 if voxels.dtype in (bool, np.uint8) else np.float32)
    matrix = np.asarray(affine, dtype=float)
    size = np.array(voxel_size(matrix))
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    image.SetSpacing(size.tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    image.SetDirection((matrix[:3, :3] / size).ravel().tolist())
    return image


def to_array(sitk: Any, image: Any) -> NDArray[Any]:
    """Return the voxels (x, y, z) of an image."""
    return np.asarray(sitk.GetArrayViewFromImage(image)).T


def affine_of(image: Any) -> NDArray[np.float64]:
    """Return the matrix from voxels to the world of an image."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def at_spacing(sitk: Any, image: Any, spacing: float) -> Any:
    """Return an image smoothed for and sampled at a spacing in mm, no finer than it is."""
    size, old = np.array(image.GetSize()), np.array(image.GetSpacing())
    new = np.maximum(old, spacing)
    # the mean of a new voxel, as a Gaussian of the same variance
    sigma = np.sqrt(np.maximum(new**2 - old**2, 1e-6) / 12)
    smooth = sitk.SmoothingRecursiveGaussian(image, sigma.tolist())
    counts = np.maximum(np.ceil(size * old / new), 1).astype(int)
    return sitk.Resample(
        smooth,
        counts.tolist(),
        sitk.Transform(),
        sitk.sitkLinear,
        image.GetOrigin(),
        new.tolist(),
        image.GetDirection(),
    )


def matrix_of(transform: Any) -> NDArray[np.float64]:
    """Return y = M (x - c) + c + t of a linear transform as one matrix."""
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + np.array(transform.GetTranslation()) - linear @ centre
    return matrix

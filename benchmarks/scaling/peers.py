"""What is measured of other packages; runs in their environment and imports nothing of qsmbids."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np

PACKAGES = ("scikit-image", "phase-unwrap", "warpkit", "brainextractor", "qsm-forward")
ABSENT = {
    "nextqsm": "installs, but needs TensorFlow and weights that it fetches from elsewhere",
    "tgv-qsm": "pip finds no distribution of that name",
    "qsm-ci": "installs, but carries a runner and a scorer, no method",
}
"""Packages that were tried and are not compared, and why."""


class Call(Protocol):
    """The work of a case."""

    def __call__(self, images: dict[str, Any], steps: int | None) -> Any:
        """Do it; ``steps`` is how many iterations, the package's own number if None."""


@dataclass(frozen=True)
class Case:
    """One stage by one package; the fields are those of `cases.Case`."""

    kind: str
    name: str
    images: tuple[str, ...]
    call: Call
    fitted: bool = False


def best_path(images: dict[str, Any], steps: int | None) -> Any:
    """Unwrap by scikit-image."""
    from skimage.restoration import unwrap_phase

    return unwrap_phase(np.ma.array(images["phase"][1], mask=~images["mask"]), rng=0)


def laplacian(images: dict[str, Any], steps: int | None) -> Any:
    """Unwrap by phase-unwrap, which works slice by slice and high-pass filters."""
    import nibabel as nib
    from phase_unwrap.cli import unwrap_phase

    image = unwrap_phase(nib.Nifti1Image(images["phase"][1], np.array(images["affine"])))
    return np.asarray(image.dataobj)


def romeo(images: dict[str, Any], steps: int | None) -> Any:
    """Unwrap by warpkit's ROMEO."""
    from warpkit.warpkit_cpp import romeo_unwrap3d

    return romeo_unwrap3d(
        images["phase"][1], "romeo", images["magnitude"][1], images["mask"], correct_global=True
    )


def bet(images: dict[str, Any], steps: int | None) -> Any:
    """Extract the brain by brainextractor."""
    import nibabel as nib
    from brainextractor import BrainExtractor

    extractor = BrainExtractor(nib.Nifti1Image(images["magnitude"][0], np.array(images["affine"])))
    extractor.run(iterations=steps or 1000)
    return extractor.compute_mask()


def forward(images: dict[str, Any], steps: int | None) -> Any:
    """Compute a field by qsm-forward."""
    from qsm_forward import generate_field

    return generate_field(images["chi"], voxel_size=images["voxel_size"])


CASES = [
    Case("unwrapping", "scikit-image", ("phase", "mask"), best_path),
    Case("unwrapping", "phase-unwrap", ("phase",), laplacian),
    Case("unwrapping", "warpkit", ("phase", "magnitude", "mask"), romeo),
    Case("masking", "brainextractor", ("magnitude",), bet),
    Case("forward field", "qsm-forward", ("chi",), forward),
]


def versions() -> dict[str, str]:
    """Return the packages' versions."""
    return {package: version(package) for package in PACKAGES}

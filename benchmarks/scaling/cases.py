"""What is measured of qsmbids: every stage and method, as a function of one head's images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import scipy.fft as sf

from qsmbids import background, inversion, masking, phase
from qsmbids.inversion.cosmos import cosmos
from qsmbids.inversion.inversion_methods import FIT
from qsmbids.physics import Problem, forward_field

Images = dict[str, Any]
"""The arrays that a case takes, and the geometry."""


@dataclass(frozen=True)
class Case:
    """One stage by one method.

    Parameters
    ----------
    kind : str
        Under which heading it stands.
    name : str
        Of the method.
    images : tuple of str
        Which images of `data.write` it takes.
    call : function of (images, steps)
        The work; ``steps`` is how many iterations, the method's own number if None.
    fitted : bool
        Whether it is measured as seconds an iteration, since it takes many.
    """

    kind: str
    name: str
    images: tuple[str, ...]
    call: Callable[[Images, int | None], Any]
    fitted: bool = False


def fft_pair(images: Images, steps: int | None) -> Any:
    """Transform a field to k-space and back, on the padded grid of the mask's bounding box."""
    padded = images["padded"]
    return sf.irfftn(sf.rfftn(images["local"], padded), padded)


def total_field(images: Images, steps: int | None, **options: Any) -> Any:
    """Combine the echoes to the total field."""
    return phase.estimate_field(
        images["phase"],
        images["magnitude"],
        images["echo_times"],
        field_strength=images["field_strength"],
        mask=images["mask"],
        voxel_size=images["voxel_size"],
        **options,
    )


def decay(images: Images, steps: int | None) -> Any:
    """Fit R2*."""
    return phase.fit_decay(images["magnitude"], images["echo_times"], images["mask"])


def brain(images: Images, steps: int | None) -> Any:
    """Extract the brain, and complain if the head is not taken for one."""
    found = masking.brain_mask(
        images["magnitude"][0], voxel_size=images["voxel_size"], affine=images["affine"]
    )
    if found.method == "none":
        raise ValueError(found.warnings[0])
    return found


def reliable(images: Images, steps: int | None) -> Any:
    """Find the voxels whose phase can be trusted."""
    return masking.reliability_mask(
        images["mask"],
        voxel_size=images["voxel_size"],
        weight=images["weight"],
        phase=images["phase"][0],
    )


def unwrapping(images: Images, steps: int | None, *, method: str) -> Any:
    """Unwrap one echo inside the mask."""
    return phase.unwrap(
        images["phase"][1], images["mask"], method=method, voxel_size=images["voxel_size"]
    )


def removal(images: Images, steps: int | None, *, method: str) -> Any:
    """Remove the background."""
    return background.remove_background(
        images["total"],
        images["mask"],
        voxel_size=images["voxel_size"],
        weight=images["weight"],
        method=method,
    )


def inverted(images: Images, steps: int | None, *, method: str) -> Any:
    """Invert the local field, without the uncertainty, which is a case of its own."""
    known = inversion.METHODS[method].defaults()
    chosen = {"uncertainty": False, "patch_iterations": 0}
    if steps is not None:
        chosen["iterations"] = steps
    return inversion.reconstruct(
        images["local"],
        images["mask"],
        voxel_size=images["voxel_size"],
        weight=images["weight"],
        magnitude=images["magnitude"][0],
        method=method,
        device="cpu",
        **{name: value for name, value in chosen.items() if name in known},
    )


def combined(images: Images, steps: int | None) -> Any:
    """Invert the fields of several orientations."""
    return cosmos(
        images["tilted"],
        images["mask"],
        voxel_size=images["voxel_size"],
        b0_dir=images["b0_dirs"],
    )


def uncertainty(images: Images, steps: int | None) -> Any:
    """Estimate a map's uncertainty."""
    from qsmbids.inference.predict_uncertainty import predict_uncertainty

    problem = Problem(images["local"], images["mask"], images["voxel_size"])
    return predict_uncertainty(images["chi"], problem)


def forward(images: Images, steps: int | None) -> Any:
    """Compute the field of a susceptibility map."""
    return forward_field(images["chi"], images["voxel_size"])


SAME = {"uqsm": "synthnet", "uqsm+": "synthnet"}
"""Methods that run the same network as another, with other weights: not measured again."""

FLOOR = Case("floor", "FFT pair", ("local",), fft_pair)
_SERIES = ("phase", "magnitude", "mask")
_FIELD = ("local", "mask", "weight", "magnitude")

CASES = [
    FLOOR,
    Case("field", "total field", _SERIES, total_field),
    Case("field", "Laplacian", _SERIES, partial(total_field, unwrapping="laplacian")),
    Case("field", "nonlinear fit", _SERIES, partial(total_field, fit="nonlinear")),
    Case("field", "R2*", ("magnitude", "mask"), decay),
    Case("field", "brain mask", ("magnitude",), brain),
    Case("field", "reliability", ("phase", "weight", "mask"), reliable),
    *(
        Case("background", name, ("total", "mask", "weight"), partial(removal, method=name))
        for name in background.METHODS
    ),
    *(
        Case("inversion", name, _FIELD, partial(inverted, method=name), method.volumes == FIT)
        for name, method in inversion.METHODS.items()
        if name not in SAME
    ),
    Case("inversion", "uncertainty", ("chi", "local", "mask"), uncertainty),
    Case("inversion", "cosmos", ("tilted", "mask"), combined),
    *(
        Case("unwrapping", f"qsmbids {name}", ("phase", "mask"), partial(unwrapping, method=name))
        for name in ("best-path", "laplacian")
    ),
    Case("forward field", "qsmbids", ("chi",), forward),
]

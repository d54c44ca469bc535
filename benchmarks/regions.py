"""Regions of the shipped atlas on simulated heads of random anatomy, against their true labels.

Prints for each head and way of registration the Dice coefficient of each nucleus, and the seconds
on the clock and of the processors; then, for the package's own way, the mean susceptibility of
each nucleus, in the map that is made of the true local field, relative to white matter, against
the truth's. Other libraries than SimpleITK, if they are installed: `--libraries simpleitk dipy
ants`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.heads import FIRST_HEAD, cropped, inverted, parser, random_head
from qsmbids.interfaces.images import read_labels
from qsmbids.physics import bounding_box
from qsmbids.regions import Parcellation
from qsmbids.regions.draw import NAMES, NUCLEI
from qsmbids.regions.template import (
    ATLAS_FILE,
    Template,
    register_to_template,
    template,
)
from qsmbids.registration import demand_simpleitk, pull, register_affine
from qsmbids.registration.itk import affine_of, at_spacing, to_array, to_image
from qsmbids.registration.warp import Warp
from qsmbids.simulation import TISSUES, Head

Float = NDArray[np.float32]
Labels = NDArray[np.int32]
SPACING = 2.0  # mm, of the images that the other libraries compare


def main() -> None:
    """Register, measure and print."""
    asked = parser(__doc__)
    asked.add_argument("--heads", type=int, default=4)
    asked.add_argument("--libraries", nargs="+", choices=LIBRARIES, default=["simpleitk"])
    asked.add_argument("--method", default="dcnet-tv", help="inversion of the true local field")
    args = asked.parse_args()
    atlas = Parcellation(read_labels(ATLAS_FILE)[0], NAMES)
    target = template(atlas)
    print(_row("head, way", [*NUCLEI, "seconds", "CPU s"]))
    for seed in range(FIRST_HEAD, FIRST_HEAD + args.heads):
        head = random_head(args.size, seed, field_strength=3.0, echo_times=(0.005, 0.012, 0.020))
        magnitude = np.sqrt(np.square(head.magnitude).mean(axis=0)).astype(np.float32)
        box = bounding_box(head.brain_mask)
        chi = np.zeros(head.brain_mask.shape, np.float32)
        chi[box] = inverted(cropped(head, head.local_field, head.brain_mask), args.method).chi
        for library in args.libraries:
            for contrast, given in (("magnitude", None), ("with chi", chi)):
                start, spent = time.perf_counter(), time.process_time()
                found = LIBRARIES[library](target, atlas, head, magnitude, given, args.threads)
                took = (time.perf_counter() - start, time.process_time() - spent)
                scores = [f"{_dice(found, atlas, head, name):.3f}" for name in NUCLEI]
                cells = [*scores, *(f"{one:.1f}" for one in took)]
                print(_row(f"{seed} {library}, {contrast}", cells), flush=True)
            if library == "simpleitk":
                print(_row(f"{seed} map's chi over truth's", _ratios(found, atlas, head, chi)))


def _dice(found: Labels, atlas: Parcellation, head: Head, name: str) -> float:
    one, other = np.isin(found, atlas.find(name)), head.labels == TISSUES[name].label
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def _ratios(found: Labels, atlas: Parcellation, head: Head, chi: Float) -> list[str]:
    """Return mean over true mean of each nucleus, both relative to white matter."""
    white = head.labels == TISSUES["white matter"].label
    ratios = []
    for name in NUCLEI:
        own, true = np.isin(found, atlas.find(name)), head.labels == TISSUES[name].label
        measured = chi[own].mean() - chi[white].mean()
        ratios.append(f"{measured / (head.chi[true].mean() - head.chi[white].mean()):.2f}")
    return ratios


def _row(first: str, cells: Sequence[str]) -> str:
    return " | ".join([f"{first:32}", *(f"{cell:>9.9}" for cell in cells)])


def by_simpleitk(
    target: Template, atlas: Parcellation, head: Head, magnitude: Float, chi: Float | None, n: int
) -> Labels:
    """Return the atlas on the head, as the package does it."""
    warp = register_to_template(target, magnitude, head.brain_mask, head.affine, chi=chi, threads=n)
    to = {"affine": target.affine, "onto": head.affine, "shape": magnitude.shape, "order": 0}
    return np.asarray(pull(atlas.labels, [warp], **to), np.int32)


def _pair(
    target: Template, head: Head, magnitude: Float, chi: Float | None
) -> tuple[NDArray[np.float64], Any, Any]:
    """Return the affine matrix, and what is compared after it: the head's image, the template's.

    Both on a grid of `SPACING`; a template of susceptibility is painted with typical values.
    """
    sitk = demand_simpleitk()
    matrix = register_affine(
        magnitude,
        target.t1,
        fixed_affine=head.affine,
        moving_affine=target.affine,
        fixed_mask=head.brain_mask,
        moving_mask=target.brain,
    )
    image = magnitude if chi is None else np.clip(chi, -0.12, 0.22)
    still = at_spacing(sitk, to_image(sitk, image * head.brain_mask, head.affine), SPACING)
    moving = target.t1
    if chi is not None:
        moving = np.zeros(target.classes.shape, np.float32)
        for name in ("white matter", "grey matter", "fluid", *NUCLEI):
            moving[target.classes == TISSUES[name].label] = TISSUES[name].chi
    grid, shape = affine_of(still), still.GetSize()
    warp = Warp(matrix, np.zeros((*shape, 3), np.float32), grid)
    moved = pull(moving, [warp], affine=target.affine, onto=grid, shape=shape)
    return matrix, still, to_image(sitk, moved, grid)


def _through(
    target: Template, atlas: Parcellation, head: Head, matrix: Any, field: Float, grid: Any
) -> Labels:
    warp = Warp(matrix, field.astype(np.float32), grid)
    to = {"affine": target.affine, "onto": head.affine, "shape": head.labels.shape, "order": 0}
    return np.asarray(pull(atlas.labels, [warp], **to), np.int32)


def by_dipy(
    target: Template, atlas: Parcellation, head: Head, magnitude: Float, chi: Float | None, n: int
) -> Labels:
    """Return the atlas on the head after the symmetric normalisation of dipy."""
    from dipy.align.imwarp import SymmetricDiffeomorphicRegistration
    from dipy.align.metrics import CCMetric

    sitk = demand_simpleitk()
    matrix, still, moved = _pair(target, head, magnitude, chi)
    grid = affine_of(still)
    method = SymmetricDiffeomorphicRegistration(CCMetric(3), level_iters=[40, 20, 5])
    images = [np.array(to_array(sitk, one), np.float64) for one in (still, moved)]
    mapping = method.optimize(*images, static_grid2world=grid, moving_grid2world=grid)
    return _through(target, atlas, head, matrix, np.asarray(mapping.get_forward_field()), grid)


def by_ants(
    target: Template, atlas: Parcellation, head: Head, magnitude: Float, chi: Float | None, n: int
) -> Labels:
    """Return the atlas on the head after the symmetric normalisation of ANTs."""
    import ants

    sitk = demand_simpleitk()
    matrix, *pair = _pair(target, head, magnitude, chi)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}.nii.gz") for name in ("still", "moved")]
        for image, path in zip(pair, paths, strict=True):
            sitk.WriteImage(image, path)
        still, moved = map(ants.image_read, paths)
        result = ants.registration(
            still,
            moved,
            "SyNOnly",
            initial_transform="Identity",
            syn_metric="CC",
            syn_sampling=2,
            reg_iterations=(40, 20, 5),
        )
        field = sitk.ReadImage(result["fwdtransforms"][0])
    warp = Warp.from_itk(sitk, matrix, field)
    return _through(target, atlas, head, matrix, warp.displacement, warp.affine)


LIBRARIES: dict[str, Callable[..., Labels]] = {
    "simpleitk": by_simpleitk,
    "dipy": by_dipy,
    "ants": by_ants,
}

if __name__ == "__main__":
    main()

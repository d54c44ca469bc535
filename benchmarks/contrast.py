"""Weighted images and separated maps of simulated heads against their truth.

First how much darker veins thinner than a voxel, and the nuclei, are than the tissue around them,
in % of it: in the mean of the echoes' magnitudes, in the susceptibility-weighted image with and
without its filter, and in the minimum over slabs; the field is the true local field. Then the
medians by tissue of the paramagnetic and the diamagnetic part in ppb, found from the true map and
R2* fitted to the magnitudes, and the truth.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import set_workers
from scipy.ndimage import binary_dilation, binary_erosion

from benchmarks import heads
from qsmbids.contrast.separation import by_r2star
from qsmbids.contrast.swi import susceptibility_weighted
from qsmbids.phase import fit_decay
from qsmbids.simulation import TISSUES, Head

RECIPES = (
    {"field_strength": 3.0, "echo_times": (0.005, 0.012, 0.019, 0.026)},
    {"field_strength": 7.0, "echo_times": (0.004, 0.012, 0.020, 0.028)},
)
SHOWN = ("white matter", "grey matter", "caudate", "putamen", "pallidum", "thalamus", "fluid")


def labelled(head: Head, *names: str) -> np.ndarray:
    """Return where the head is one of these tissues, 2 voxels inside of the brain."""
    inside = binary_erosion(head.brain_mask, iterations=2)
    return inside & np.isin(head.labels, [TISSUES[name].label for name in names])


def weighting(head: Head) -> None:
    """Print a line for each structure."""
    given = {
        "echo_times": head.echo_times,
        "field_strength": head.field_strength,
        "voxel_size": head.voxel_size,
    }
    images = [head.magnitude, head.local_field, head.brain_mask]
    plain = susceptibility_weighted(*images, **given, high_pass=0)
    filtered = susceptibility_weighted(*images, **given)
    shown = (head.magnitude.mean(0), plain.swi, filtered.swi, filtered.minimum)
    tissue = labelled(head, "white matter", "grey matter")
    places = {"thin veins": tissue & (head.paramagnetic > 0.05)}
    places |= {name: labelled(head, name) for name in ("putamen", "pallidum", "haemorrhage")}
    print("| darker than around, % | magnitude | SWI, no filter | SWI | minimum |")
    for name, place in places.items():
        around = tissue & binary_dilation(place, iterations=3) & ~binary_dilation(place)
        dark = [100 * (1 - image[place].mean() / image[around].mean()) for image in shown]
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in dark) + " |")


def separation(head: Head) -> None:
    """Print a line for each tissue."""
    r2star = fit_decay(head.magnitude, head.echo_times, head.brain_mask).r2star
    parts = by_r2star(head.chi, r2star, head.brain_mask, field_strength=head.field_strength)
    pairs = (
        (parts.paramagnetic, head.paramagnetic),
        (parts.diamagnetic, head.diamagnetic),
    )
    print("| tissue | paramagnetic | true | diamagnetic | true |")
    for name in SHOWN:
        place = labelled(head, name)
        medians = [1000 * np.median(image[place]) for pair in pairs for image in pair]
        print(f"| {name} | " + " | ".join(f"{value:.0f}" for value in medians) + " |")
    place = labelled(head, *SHOWN)
    for sign, (found, true) in zip(("paramagnetic", "diamagnetic"), pairs, strict=True):
        error = 1000 * np.abs(found - true)[place]
        print(f"{sign}: error of the median voxel {np.median(error):.1f} ppb,", end=" ")
        print(f"of one in twenty above {np.percentile(error, 95):.0f} ppb")


def main() -> None:
    """Print both tables for each recipe."""
    asked = heads.parser(__doc__).parse_args()
    with set_workers(asked.threads):
        for recipe in RECIPES:
            print(f"{recipe['field_strength']:g} T, {asked.size:g} mm")
            head = heads.random_head(asked.size, None, **recipe)
            weighting(head)
            separation(head)


if __name__ == "__main__":
    main()

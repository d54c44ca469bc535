"""Time, memory and error of the whole app, from the phase of a simulated head to susceptibility.

`qsmbids` runs once a method in a fresh folder as a user would run it; its process tree is watched,
and its maps are compared with the truth, in %: total field deeper than 10 mm, local field and
susceptibility inside the mask that the app itself chose without the voxels whose phase it found
unreliable, susceptibility in all of the mask, and in the whole brain, where what the app has no
value for counts as zero; last the share of the brain that it kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import distance_transform_edt

from benchmarks.heads import nrmse
from benchmarks.watch import watch
from qsmbids.background import DEFAULT
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.bids import desc_label
from qsmbids.inversion import METHODS

SINUS_DISTANCE = 10.0  # mm from the brain's surface, where the sinus' field is no longer steep
COLUMNS = ("seconds", "peak GB", "total", "local", "chi", "all voxels", "brain", "kept")


def read(folder: Path, ending: str) -> np.ndarray:
    """Return the voxels of the one file below ``folder`` with this ending."""
    (path,) = folder.rglob(f"*{ending}.nii.gz")
    return np.asarray(nib.load(path).dataobj, dtype=np.float32)


def score(bids: Path, out: Path, method: str) -> list[float]:
    """Return the figures of the maps in ``out``."""
    truth = bids / "derivatives" / "truth"
    brain = read(truth, "desc-brain_mask") > 0
    mask = read(out, "desc-eroded_mask") > 0
    seen = read(out, "desc-reliable_mask") > 0
    size = nib.load(next(truth.rglob("*desc-brain_mask.nii.gz"))).header.get_zooms()
    deep = (distance_transform_edt(brain, sampling=size) > SINUS_DISTANCE) & seen
    fields = [
        nrmse(read(out, name), read(truth, name), where)
        for name, where in (
            ("desc-total_fieldmap", deep),
            ("desc-local_fieldmap", mask & seen),
        )
    ]
    chi, true = read(out, f"desc-{desc_label(method)}_Chimap"), read(truth, "Chimap")
    maps = [nrmse(chi, true, mask & seen), nrmse(chi, true, mask)]
    return [
        *fields,
        *maps,
        nrmse(np.where(mask, chi, 0), true, brain),
        100 * mask.sum() / brain.sum(),
    ]


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["small", "full"], default="full")
    parser.add_argument("--methods", nargs="+", default=["tkd", "tv"], choices=list(METHODS))
    parser.add_argument("--seed", default="0", help="of the simulated head")
    parser.add_argument("--background", default=DEFAULT, choices=list(BACKGROUND))
    asked = parser.parse_args()
    here = Path(sys.executable).parent
    print(f"{'method':10}" + "".join(f"{name:>11}" for name in COLUMNS))
    with tempfile.TemporaryDirectory() as scratch:
        bids = Path(scratch) / "bids"
        head = ["--size", asked.size, "--seed", asked.seed]
        subprocess.run([here / "qsmbids-demo", bids, *head], check=True, stdout=subprocess.DEVNULL)
        for method in asked.methods:
            out, work = Path(scratch) / f"out-{method}", Path(scratch) / f"work-{method}"
            command = [str(here / "qsmbids"), str(bids), str(out), "participant", "-w", str(work)]
            used = watch([*command, "--method", method, "--background", asked.background])
            figures = [used.seconds, used.tree, *score(bids, out, method)]
            print(f"{method:10}" + "".join(f"{value:11.1f}" for value in figures), flush=True)


if __name__ == "__main__":
    main()

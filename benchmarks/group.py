"""What the group level costs: ``python -m benchmarks.group --participants 1000``.

Makes the output folder of a study that never was (measures, region values, failures, maps in a
template's space), has `qsmbids BIDS OUT group` read it, and prints seconds, memory and sizes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from qsmbids.bids.tables import write_table
from qsmbids.regions.table import COLUMNS

METHODS = ("dcnettv", "tv")
REGIONS = (
    *("caudate", "putamen", "pallidum", "thalamus", "red nucleus", "substantia nigra"),
    *("dentate", "splenium", "csf"),
)
SPACE = "MNI152NLin2009cAsym"
_OF_SERIES = (("Signal to noise", "", 40), ("Median R2*", "1/s", 18), ("Brain mask", "ml", 1400))
_OF_MAPS = (("1st percentile", "ppm", -0.08), ("99th percentile", "ppm", 0.08))
_OF_SERIES += tuple((f"Number {n} of the series", "mm", n + 1.0) for n in range(12))
_OF_MAPS += tuple((f"Number {n} of the map", "%", n + 1.0) for n in range(6))


def make_study(
    folder: Path,
    participants: int,
    *,
    sessions: int = 1,
    template: tuple[int, int, int] | None = None,
    seed: int = 0,
) -> tuple[Path, Path]:
    """Write the dataset and the output folder of a study; return both.

    One participant in a hundred failed, one was never processed. Means of regions grow with age.

    Parameters
    ----------
    folder : Path
        Where ``bids`` and ``out`` go.
    participants, sessions : int
        How many.
    template : (int, int, int), optional
        Voxels of the maps in template space; none without.
    seed : int
        Of all values.
    """
    rng = np.random.default_rng(seed)
    bids, out = folder / "bids", folder / "out"
    rows = ["participant_id\tage\tsex\tgroup"]
    for number in range(participants):
        label = f"{number + 1:04d}"
        age = round(float(rng.uniform(20, 80)), 1)
        rows.append(
            f"sub-{label}\t{age}\t{'FM'[number % 2]}\t{('control', 'patient')[number % 3 == 0]}"
        )
        visits = [f"ses-{n + 1}" for n in range(sessions)] if sessions > 1 else [""]
        for visit in visits:
            (bids / f"sub-{label}" / visit / "anat").mkdir(parents=True)
            if number % 100 == 57:
                continue
            key = "_".join(filter(None, (f"sub-{label}", visit)))
            if number % 100 == 58:
                _write(out / f"logs/sub-{label}/{key}_error.json", _failure(key))
            else:
                _series(out, label, visit, key, age, template, rng)
                (out / f"sub-{label}.html").touch()
    (bids / "participants.tsv").write_text("\n".join(rows) + "\n")
    for root in (bids, out):
        made = {"GeneratedBy": [{"Name": "qsmbids"}]} if root == out else {}
        _write(root / "dataset_description.json", {"Name": "x", "BIDSVersion": "1.10.0", **made})
    return bids, out


def _series(
    out: Path,
    label: str,
    visit: str,
    key: str,
    age: float,
    template: tuple[int, int, int] | None,
    rng: np.random.Generator,
) -> None:
    anat = out / f"sub-{label}" / visit / "anat"
    anat.mkdir(parents=True)
    for method in METHODS:
        (anat / f"{key}_desc-{method}_Chimap.nii.gz").touch()
        _write(anat / f"{key}_desc-{method}_Chimap.json", {"Qsmbids": {"Warnings": []}})
        if template:
            chi = rng.normal(0, 0.03, template).astype(np.float32)
            path = anat / f"{key}_space-{SPACE}_desc-{method}_Chimap.nii.gz"
            nib.save(nib.Nifti1Image(chi, np.eye(4)), path)
    lights = {
        "Failure": "",
        "Series": [_light(*one, rng) for one in _OF_SERIES],
        "Maps": {method: [_light(*one, rng) for one in _OF_MAPS] for method in METHODS},
    }
    _write(out / f"logs/sub-{label}/{key}_lights.json", lights)
    rows = [
        {
            **dict.fromkeys(COLUMNS, 1.0),
            **{"map": kind, "method": method, "region": region, "sd": 0.02, "mean": mean},
        }
        for kind, method in [*(("Chimap", name) for name in METHODS), ("R2starmap", "n/a")]
        for number, region in enumerate(REGIONS)
        for mean in [0.01 * number + 0.001 * (age - 50) + float(rng.normal(0, 0.01))]
    ]
    write_table(anat / f"{key}_seg-deepgrey_regions.tsv", COLUMNS, rows)


def _light(name: str, unit: str, usual: float, rng: np.random.Generator) -> dict[str, Any]:
    value = round(float(usual * (1 + 0.1 * rng.standard_t(4))), 6)
    low, high = sorted((0.6 * usual, 1.4 * usual))
    good = low <= value <= high
    text = (
        ""
        if good
        else f"{name} is {value:g}. The cause stands here in a sentence. Do this about it."
    )
    block = {"Name": name, "Value": value, "Units": unit, "From": low, "To": high}
    return {**block, "Good": good, "Text": text}


def _failure(key: str) -> dict[str, str]:
    return {
        "series": key,
        "stage": "reading",
        "message": f"{key}: the phase is constant; export it.",
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


def main() -> None:
    """Make a study, run ``group`` twice and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--template", type=int, nargs=3, metavar="N", help="voxels of its grid")
    parser.add_argument("--keep", type=Path, help="make the study here and leave it there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        grid = tuple(args.template) if args.template else None
        bids, out = make_study(folder, args.participants, sessions=args.sessions, template=grid)
        for turn in ("first", "again"):
            start = time.perf_counter()
            command = [sys.executable, "-m", "qsmbids", str(bids), str(out), "group"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            print(f"{turn}: {time.perf_counter() - start:.1f} s")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"peak memory: {peak:.0f} MB")
        for name in ("group.html", "group.tsv", "group_regions.tsv"):
            print(f"{name}: {(out / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

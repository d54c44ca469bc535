"""The entries of docker/qsm-ci under QSM-CI's contract: run and scored by its own command.

``python -m benchmarks.leaderboard > docs/results/qsm-ci.md``: a head is simulated and stored as the
contract's artifacts; ``qsm-ci run`` hands each entry what its stage consumes, without network and
without root, and ``qsm_ci.qsm_eval`` scores the map over the whole brain mask.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import yaml
from qsm_ci.qsm_eval import load, nrmse_challenge
from qsm_ci.stages import ARTIFACT_FILE, STAGES

from benchmarks.heads import SEGMENTATION, random_head
from qsmbids import __version__
from qsmbids.inversion import METHODS
from qsmbids.networks.weights_file import digest, locate, read
from qsmbids.simulation import TISSUES, Head, HeadRecipe

ENTRIES = Path(__file__).resolve().parents[1] / "docker" / "qsm-ci"
TIME_LIMIT = 7200  # s
COLUMNS = {
    "nrmse": "NRMSE",
    "floor": "floor",
    "nrmse_detrend": "detrended",
    "nrmse_tissue": "tissue",
    "nrmse_blood": "blood",
    "nrmse_dgm": "deep grey",
    "hfen": "HFEN",
    "dgm_linearity": "slope",
    "calc_moment_dev": "calc. moment",
    "calc_streak": "calc. streak",
    "xsim": "XSIM",
    "coverage": "coverage",
}


def write_artifacts(head: Head, folder: Path, affine: np.ndarray | None = None) -> None:
    """Write a head as the artifacts of the contract, and the segmentation for the scorer."""
    affine = head.affine if affine is None else affine
    names = {tissue.label: name for name, tissue in TISSUES.items()}
    labels = np.array([SEGMENTATION.get(names[k], 0) for k in range(max(names) + 1)], np.uint8)
    images = {
        "phase": np.moveaxis(head.phase, 0, 3),
        "magnitude": np.moveaxis(head.magnitude, 0, 3),
        "mask": head.brain_mask.astype(np.uint8),
        "localfield": head.local_field,
        "chimap": np.where(head.brain_mask, head.chi, np.float32(0)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        nib.save(nib.Nifti1Image(image, affine), folder / ARTIFACT_FILE[name])
    nib.save(nib.Nifti1Image(labels[head.labels], affine), folder / "dseg.nii.gz")
    params = {
        "TE": list(head.recipe.echo_times),
        "B0": head.recipe.field_strength,
        "B0_dir": list(head.b0_dir),
        "voxel_size": list(head.voxel_size),
    }
    (folder / ARTIFACT_FILE["params"]).write_text(json.dumps(params))


def isolated(command: Sequence[str]) -> None:
    """Run a command as nobody, without network, within the time limit; the environment is bare."""
    here = Path(sys.executable).parent
    bare = {"PATH": f"{here}:{os.environ['PATH']}", "HOME": "/"}
    cut = ["unshare", "--user", "--net"]
    done = subprocess.run(
        [*cut, *command],
        env=bare,
        cwd="/",
        timeout=TIME_LIMIT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")


def run_entry(entry: str, artifacts: Path, out: Path, settings: Sequence[str] = ()) -> float:
    """Let QSM-CI's runner run an entry on the true artifacts; return its seconds."""
    stage = read_manifest(entry)["stage"]
    consumed = STAGES[stage]["consumes"]
    given = [(f"--{name}", str(artifacts / ARTIFACT_FILE[name])) for name in consumed]
    chosen = [("--set", text) for text in settings]
    start = time.perf_counter()
    isolated(
        ["qsm-ci", "run", str(ENTRIES / entry), "--runner", "local", "-o", str(out)]
        + [part for pair in (*given, *chosen) for part in pair]
    )
    return time.perf_counter() - start


def score(chimap: Path, artifacts: Path, scratch: Path) -> dict[str, Any]:
    """Return the scorer's metrics of a map and its floor; what is undefined is None."""
    out = scratch / "metrics.json"
    files = {"recon": chimap, "truth": artifacts / "chimap.nii.gz", "out": out}
    files |= {"mask": artifacts / "mask.nii.gz", "seg": artifacts / "dseg.nii.gz"}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    command = [sys.executable, "-m", "qsm_ci.qsm_eval", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    metrics: dict[str, Any] = json.loads(out.read_text())["metrics"]
    found, truth, mask = (load(files[name]) for name in ("recon", "truth", "mask"))
    metrics["floor"] = nrmse_challenge(np.where(found != 0, truth, 0), truth, mask)[0]
    return metrics


def read_manifest(name: str) -> dict[str, Any]:
    """Return what an entry says of itself."""
    told: dict[str, Any] = yaml.safe_load((ENTRIES / name / "algorithm.yml").read_text())
    return told


def used_weights(entries: Sequence[str]) -> list[str]:
    """Return a row of the table for each weights file that the entries read."""
    told = [read_manifest(name) for name in entries]
    methods = {one["algorithm"] for one in told} | {
        each["default"] for one in told for each in one["parameters"] if each["name"] == "method"
    }
    defaults = [METHODS[name].defaults() for name in methods & set(METHODS)]
    used = {str(values["weights"]) for values in defaults if "weights" in values}
    rows = []
    for path in map(locate, sorted(used)):
        card, _ = read(path)
        steps = f"{card['steps']} of {card['recipe']['steps']}"
        rows.append(f"| {path.stem} | {steps} | `{digest(path)}` |")
    return rows


def page(recipe: HeadRecipe, entries: Sequence[str], rows: Sequence[str]) -> str:
    """Return the page of results in Markdown."""
    shape, edges = ("x".join(f"{n:g}" for n in each) for each in (recipe.shape, recipe.voxel_size))
    head = ["entry", "stage", *COLUMNS.values(), "s"]
    return "\n".join(
        [
            "# QSM-CI entries on a simulated head",
            "",
            "Made by `python -m benchmarks.leaderboard > docs/results/qsm-ci.md`; run it again "
            "after a change of weights.",
            "",
            f"- {datetime.date.today()}, qsmbids {__version__}, qsm-ci {version('qsm-ci')}, "
            f"{os.cpu_count()} cores ({platform.machine()}), CPU only",
            f"- head: {shape} voxels of {edges} mm, {recipe.field_strength:g} T, "
            f"{len(recipe.echo_times)} echoes, SNR {recipe.snr:g}, seed {recipe.seed}, "
            f"anatomy {recipe.anatomy}",
            "- each entry was run by `qsm-ci run --runner local` with a bare environment, as "
            "nobody, without network, within 2 h; the dipole entries got the true local field",
            "- NRMSE and HFEN in % over the whole brain mask, where a voxel without a value counts "
            "as 0; lower is better, for XSIM and coverage higher",
            "- floor: the NRMSE of a map that is true wherever this one has a value, and 0 "
            "elsewhere",
            "- the head's field was made with the same discrete kernel that the methods invert: "
            "read the dipole rows as an upper bound of what they can do",
            "",
            f"| {' | '.join(head)} |",
            "|" + "---|" * len(head),
            *rows,
            "",
            "| weights | training steps | SHA-256 |",
            "|---|---|---|",
            *used_weights(entries),
        ]
    )


def main() -> None:
    """Print the page."""
    names = sorted(path.parent.name for path in ENTRIES.glob("*/algorithm.yml"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1.5, help="voxel edge in mm")
    parser.add_argument("--anatomy", type=int, help="seed of a random anatomy")
    parser.add_argument("--entries", nargs="+", default=names, choices=names)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="of one entry")
    asked = parser.parse_args()
    if shutil.which("unshare") is None:
        sys.exit("unshare (util-linux) is needed to cut off the network.")
    head, rows = random_head(asked.size, asked.anatomy), []
    with tempfile.TemporaryDirectory() as scratch:
        artifacts, out = Path(scratch) / "artifacts", Path(scratch) / "chimap.nii.gz"
        write_artifacts(head, artifacts)
        for name in asked.entries:
            seconds = run_entry(name, artifacts, out, asked.set)
            found = score(out, artifacts, Path(scratch))
            stage = read_manifest(name)["stage"]
            cells = [name, stage, *(_cell(found[key]) for key in COLUMNS), f"{seconds:.0f}"]
            rows.append(f"| {' | '.join(cells)} |")
            print(rows[-1], file=sys.stderr)
    print(page(head.recipe, asked.entries, rows))


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if abs(value) >= 2 else f"{value:.3f}"


if __name__ == "__main__":
    main()

"""The whole app against another version of itself: ``python -m benchmarks.app --against e7d5709``.

The other version's sources are taken from the repository into a scratch folder and run with the
packages that are installed here. Each case runs alternately with either, in fresh folders, as a
user would run it. A row is the median of its runs; "ratio" is the median over pairs of new to old.
"Change" is the size of the difference of the maps of the last pair over that of the old map, in %,
where both have a value. Run it with nothing else running.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from benchmarks.watch import Used, watch
from qsmbids.cli.demo import main as simulate

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("--size", "small", "--voxel-size", "2", "2", "2", "--field-strength", "7")
ECHOES = ("--echo-times", "0.004", "0.012", "0.020", "0.028")
HEADS = {
    "one": ("--size", "full"),
    "four": (*SMALL, *ECHOES, "--participants", "4"),
    "thirty": (*SMALL, *ECHOES, "--participants", "30"),
}
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "default, one head 164x205x205x4": ("one", ()),
    "tv, one head": ("one", ("--method", "tv")),
    "tkd, one head": ("one", ("--method", "tkd")),
    "four heads 82x103x103, one process": ("four", ("--nprocs", "1")),
    "four heads 82x103x103, two processes": ("four", ("--nprocs", "2")),
    "thirty heads 82x103x103, two processes": ("thirty", ("--nprocs", "2")),
}
FIGURES = {"wall s": "seconds", "CPU s": "processor", "GB": "tree"}


def sources(version: str, folder: Path) -> Path:
    """Write the package as of a commit below a folder; return where it lies."""
    command = ["git", "-C", str(ROOT), "archive", version, "qsmbids"]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def once(bids: Path, folder: Path, code: Path, more: Sequence[str]) -> Used:
    """Run the app of one version in a fresh folder."""
    folder.mkdir()
    words = [str(bids), str(folder / "out"), "participant", "-w", str(folder / "work"), *more]
    return watch([sys.executable, "-m", "qsmbids", *words], code=code)


def change(old: Path, new: Path) -> float:
    """Return the size of the difference of the first maps that both have, in % of the old one's."""
    for path in sorted(old.glob("out/sub-*/anat/*_Chimap.nii.gz")):
        if "Uncertainty" in path.name or not (new / path.relative_to(old)).exists():
            continue
        before, after = (
            np.asarray(nib.load(each).dataobj, dtype=np.float32)
            for each in (path, new / path.relative_to(old))
        )
        both = (before != 0) & (after != 0)
        difference = np.linalg.norm((after - before)[both])
        return float(100 * difference / np.linalg.norm(before[both]))
    return float("nan")


def compare(name: str, bids: Path, codes: dict[str, Path], repeats: int, scratch: Path) -> None:
    """Print the rows of a case."""
    used: dict[str, list[Used]] = {version: [] for version in codes}
    with tempfile.TemporaryDirectory(dir=scratch) as here:
        for number in range(repeats):
            for version, code in codes.items():
                folder = Path(here) / f"{version}-{number}"
                used[version].append(once(bids, folder, code, CASES[name][1]))
        last = [Path(here) / f"{version}-{repeats - 1}" for version in codes]
        moved = change(*last)
    for version, runs in used.items():
        middle = [
            statistics.median(getattr(run, figure) for run in runs) for figure in FIGURES.values()
        ]
        print(f"| {name} | {version} |", " | ".join(f"{value:.3g}" for value in middle), "| |")
    old, new = used.values()
    ratios = [
        statistics.median(getattr(b, f) / getattr(a, f) for a, b in zip(old, new, strict=True))
        for f in FIGURES.values()
    ]
    row = " | ".join(f"{value:.2f}" for value in ratios)
    print(f"| {name} | ratio | {row} | {moved:.2g} |", flush=True)


def main() -> None:
    """Print three rows a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", default="e7d5709", metavar="COMMIT")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        codes = {asked.against: sources(asked.against, scratch / "old"), "this": ROOT}
        print("| case | version |", " | ".join(FIGURES), "| change % |")
        print("|---" * (len(FIGURES) + 3) + "|")
        for name in asked.only:
            bids = scratch / CASES[name][0]
            if not bids.exists() and simulate([str(bids), *HEADS[CASES[name][0]]]):
                sys.exit("the heads could not be simulated")
            compare(name, bids, codes, asked.repeats, scratch)


if __name__ == "__main__":
    main()

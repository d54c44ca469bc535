"""What large studies cost: ``python -m benchmarks.scale --participants 2000 --process 8``.

One tiny head is simulated and its images are hard-linked to as many participants. Printed are the
seconds and the parent's peak memory of the inventory (without a database, making one, with one), of
the start for one participant, and of processing a few of them, with the size of the work folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.watch import watch
from qsmbids.cli.demo import main as simulate

FAST = ("--method", "tkd", "--skip-bids-validation")


def make_dataset(folder: Path, participants: int, voxel: float = 6.0) -> Path:
    """Write a BIDS dataset of one simulated head under many names; return its folder.

    Parameters
    ----------
    folder : Path
        Where it goes.
    participants : int
        How many names.
    voxel : float
        Edge of a voxel in mm.
    """
    edges = [str(voxel)] * 3
    root = folder / "bids"
    if simulate([str(root), "--voxel-size", *edges, "--nthreads", "1"]):
        raise RuntimeError("the head could not be simulated")
    first = root / "sub-01"
    files = sorted(path for path in first.rglob("*") if path.is_file())
    for number in range(1, participants + 1):
        label = f"s{number:05d}"
        for path in files:
            name = path.relative_to(first).as_posix().replace("sub-01", f"sub-{label}")
            link = root / f"sub-{label}" / name
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)
    for path in sorted(first.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    first.rmdir()
    (root / "participants.tsv").unlink(missing_ok=True)
    return root


def run(*words: str) -> tuple[str, float]:
    """Run qsmbids; return its times in words, and the most memory in MB of the leading process."""
    used = watch([sys.executable, "-m", "qsmbids", *words], allowed=(0, 1))
    return f"{used.seconds:.1f} s ({used.processor:.1f} s of processors)", 1e3 * used.parent


def size(folder: Path) -> int:
    """Return the bytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def inventories(root: Path, out: Path, work: Path, database: Path) -> Iterator[Sequence[str]]:
    """Yield what is measured without processing: its name, and the command."""
    base = [str(root), str(out), "participant", "-w", str(work), *FAST, "--dry-run", "--missing"]
    label = min(path.name for path in root.glob("sub-*"))
    cached = ["--bids-database-dir", str(database)]
    yield ["inventory", *base]
    yield ["inventory, making a database", *base, *cached]
    yield ["inventory, with a database", *base, *cached]
    yield ["start of one participant", *base, "--participant-label", label]
    yield [
        "start of one participant, with a database",
        *base,
        "--participant-label",
        label,
        *cached,
    ]


def main() -> None:
    """Make a dataset and print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=2000)
    parser.add_argument("--process", type=int, nargs="+", default=[4, 16], help="numbers of them")
    parser.add_argument("--nprocs", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        root = make_dataset(folder, args.participants)
        for name, *command in inventories(root, folder / "none", folder / "w", folder / "db"):
            times, memory = run(*command)
            print(f"{name}: {times}, {memory:.0f} MB", flush=True)
        labels = sorted(path.name for path in root.glob("sub-*"))
        raw = size(root / labels[0]) / 1e6
        for number in args.process:
            out, work = folder / f"out{number}", folder / f"work{number}"
            command = [str(root), str(out), "participant", "-w", str(work), *FAST]
            command += ["--nprocs", str(args.nprocs), "--participant-label", *labels[:number]]
            times, memory = run(*command)
            maps = len([*out.rglob("*_Chimap.nii.gz")])
            ratio = size(work) / 1e6 / number / raw
            print(
                f"{number} participants, {maps} maps: {times}, parent {memory:.0f} MB, "
                f"work folder {ratio:.1f} times the raw data ({raw:.2f} MB each)",
                flush=True,
            )


if __name__ == "__main__":
    main()

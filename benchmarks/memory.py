"""What each stage takes of memory beside what was told: ``python -m benchmarks.memory``.

For each size one head is simulated (or taken from ``--dataset``) and run as users do. Printed are
its wall time, processor time and the most memory of all its processes (shared pages counted once),
then for every stage the GB told before and the most that its process held (VmHWM, files mapped
included). What is told is an upper bound: the process with its packages and what earlier stages
have left in it, and so many volumes. ``--participants`` heads go side by side under ``--mem-gb``.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from benchmarks.watch import watch
from qsmbids.cli.demo import FIELD_OF_VIEW
from qsmbids.cli.demo import main as simulate

SIZES = ("82x103x103", "164x205x205", "256x256x160")


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="XxYxZ")
    parser.add_argument("--dataset", type=Path, help="a BIDS dataset to take instead")
    parser.add_argument("--echoes", type=int, default=5)
    parser.add_argument("--participants", type=int, default=1)
    parser.add_argument("--nprocs", type=int, default=1)
    parser.add_argument("--mem-gb", type=float)
    args, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as scratch:
        for size in ["dataset"] if args.dataset else args.sizes:
            folder = Path(scratch, size)
            root = args.dataset or folder / "bids"
            if args.dataset is None:
                make_dataset(root, size, args.echoes, args.participants)
            command = [str(root), str(folder / "out"), "participant", "-w", str(folder / "work")]
            command += ["--nprocs", str(args.nprocs), *more]
            if args.mem_gb:
                command += ["--mem", str(args.mem_gb)]
            used = watch([sys.executable, "-m", "qsmbids", *command])
            print(
                f"{size}: {used.seconds:.0f} s, {used.processor:.0f} s of processors, "
                f"peak {used.tree:.2f} GB"
            )
            for name, told, taken in sorted(stages(root, folder / "work")):
                print(f"  {name:28} told {told:5.2f}, took {taken:5.2f}, {taken / told:4.0%}")
            sys.stdout.flush()


def make_dataset(root: Path, size: str, echoes: int, participants: int) -> None:
    """Simulate heads on a grid of a size such as ``82x103x103``."""
    shape = [int(one) for one in size.split("x")]
    edges = [str(extent / n) for extent, n in zip(FIELD_OF_VIEW, shape, strict=True)]
    times = [str(round(0.004 * (n + 1), 3)) for n in range(echoes)]
    options = ["--voxel-size", *edges, "--echo-times", *times, "--participants", str(participants)]
    if simulate([str(root), *options]):
        raise RuntimeError("the head could not be simulated")


def stages(root: Path, work: Path) -> Iterator[tuple[str, float, float]]:
    """Yield the name of each stage, the GB told, and those that it took."""
    import nibabel as nib
    from nipype.interfaces.base.traits_extension import BasePath
    from nipype.pipeline.engine.utils import load_resultfile

    from qsmbids.workflows.resources import stage_memory

    image = next(iter(sorted(root.glob("sub-*/**/*_part-mag_*.nii.gz"))))
    voxels = math.prod(nib.load(image).shape[:3])
    echoes = len([*image.parent.glob("*_part-mag_*.nii.gz")])
    for path in work.rglob("result_*.pklz"):
        with patch.object(BasePath, "validate", lambda *given, **_: given[3]):
            result = load_resultfile(path)  # the echoes that it names are gone
        taken = getattr(result.runtime, "mem_peak_gb", None)
        if taken is not None:
            method = result.inputs.get("method")
            told = stage_memory(result.interface.__name__, voxels, echoes, method)
            name = path.stem.removeprefix("result_")
            yield name, told, taken * 1.073741824


if __name__ == "__main__":
    main()

"""``qsmbids-demo``: writing a simulated BIDS dataset."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsmbids.cli.arguments import add_other
from qsmbids.cli.command import Command
from qsmbids.cli.hints import Parser
from qsmbids.errors import InputError, UsageError

if TYPE_CHECKING:
    from qsmbids.simulation import HeadRecipe

FIELD_OF_VIEW = (164.0, 205.0, 205.0)  # mm
SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "voxel_size": (1.5,) * 3,
        "field_strength": 3.0,
        "snr": 80.0,
        "echo_times": (0.005, 0.011, 0.017, 0.023, 0.029),
    },
    "full": {
        "voxel_size": (1.0,) * 3,
        "field_strength": 7.0,
        "snr": 100.0,
        "echo_times": (0.004, 0.012, 0.020, 0.028),
    },
}
PARTS = ("sinuses", "veins", "calcification", "haemorrhage", "phase-offset", "shim", "dephasing")
SINGLE_ECHO_TIME = 0.020  # s


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``qsmbids-demo``."""
    parser = Parser(
        prog="qsmbids-demo",
        description="Write a BIDS dataset of simulated heads, with the truth in derivatives/truth.",
    )
    parser.add_argument("directory", type=Path, help="where to write; new or empty")
    parser.add_argument(
        "--size",
        choices=SIZES,
        default="small",
        help="small: 1.5 mm, 3 T, 5 echoes; full: 1 mm, 7 T, 4 echoes (default: small)",
    )
    parser.add_argument("--participants", type=int, default=1, metavar="N", help="how many heads")
    parser.add_argument("--field-strength", type=float, metavar="T", help="B0 in tesla")
    parser.add_argument("--echo-times", type=float, nargs="+", metavar="S", help="in seconds")
    parser.add_argument(
        "--voxel-size", type=float, nargs=3, metavar=("X", "Y", "Z"), help="edge lengths in mm"
    )
    parser.add_argument("--snr", type=float, help="of white matter at the first echo")
    parser.add_argument(
        "--b0-tilt",
        type=float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=("X", "Y"),
        help="rotation of the slices about the scanner's x and y axis, in degrees",
    )
    parser.add_argument("--seed", type=int, default=0, help="of anatomy and noise (default: 0)")
    parser.add_argument(
        "--without", nargs="+", choices=PARTS, default=[], help="parts to leave out of the head"
    )
    parser.add_argument(
        "--single-echo",
        action="store_true",
        help="write only the echo nearest to 20 ms, as T2starw",
    )
    parser.add_argument(
        "--phase-units",
        choices=("arbitrary", "rad"),
        default="arbitrary",
        help="store phase as integers 0 to 4095, or in radians (default: arbitrary)",
    )
    parser.add_argument("--nthreads", type=int, metavar="N", help="threads (default: all)")
    add_other(parser)
    return parser


def recipes(options: argparse.Namespace) -> list[HeadRecipe]:
    """Return one recipe a participant: the first with the template's own anatomy.

    Raises
    ------
    UsageError
        If a value is out of its range.
    """
    from qsmbids.simulation import HeadRecipe

    if options.participants < 1:
        raise UsageError(f"--participants must be at least 1, not {options.participants}.")
    if options.nthreads is not None and options.nthreads < 1:
        raise UsageError(f"--nthreads must be at least 1, not {options.nthreads}.")
    if options.seed < 0:
        raise UsageError(f"--seed must not be negative; it is {options.seed}.")
    values = dict(SIZES[options.size])
    for name in values:
        given = getattr(options, name)
        if given is not None:
            values[name] = tuple(given) if isinstance(given, list) else given
    if options.single_echo:
        nearest = min(values["echo_times"], key=lambda t: abs(t - SINGLE_ECHO_TIME))
        values["echo_times"] = (nearest,)
    values.update({part.replace("-", "_"): False for part in options.without})
    try:
        x, y, z = (round(f / v) for f, v in zip(FIELD_OF_VIEW, values["voxel_size"], strict=True))
        return [
            HeadRecipe(
                shape=(x, y, z),
                b0_tilt=tuple(options.b0_tilt),
                seed=options.seed + number,
                anatomy=None if number == 0 else options.seed + number,
                **values,
            )
            for number in range(options.participants)
        ]
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"{error}.") from error


def _write(options: argparse.Namespace) -> None:
    import scipy.fft as sf

    from qsmbids.interfaces.demo import start_dataset, write_participant
    from qsmbids.simulation import simulate_head

    directory: Path = options.directory
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} exists and is not an empty folder; name a new one.")
    plan = recipes(options)
    threads = options.nthreads or len(os.sched_getaffinity(0))
    names = [f"{number + 1:02d}" for number in range(len(plan))]
    try:
        start_dataset(directory, names)
        for name, recipe in zip(names, plan, strict=True):
            print(f"sub-{name}: simulating {'x'.join(map(str, recipe.shape))} voxels", flush=True)
            with sf.set_workers(threads):
                head = simulate_head(recipe)
            write_participant(directory, name, head, phase_units=options.phase_units)
    except OSError as error:
        raise InputError(f"cannot write {error.filename}: {error.strerror}.") from error
    print(f"Wrote {directory}. Next: qsmbids {directory} OUTPUT participant")


main = Command(build_parser, _write)

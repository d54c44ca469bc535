"""``qsmbids slurm BIDS OUT``: a script that runs a participant a task on a Slurm cluster."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from qsmbids.cli import values
from qsmbids.cli.hints import Parser
from qsmbids.cli.parser import parse
from qsmbids.errors import InputError, UsageError
from qsmbids.files import whole_file
from qsmbids.workflows.slurm import MARK, Cluster, slurm_script

_EPILOG = """\
What stands behind -- are options of `qsmbids BIDS OUT participant`, such as -- --method tv.
`bash SCRIPT` then submits a task for each participant of whom something is not done, and the group
page for when all have ended; once more, it submits exactly what is missing.
"""


def write_script(argv: Sequence[str]) -> int:
    """Write the script and return the exit code.

    Parameters
    ----------
    argv : sequence of str
        What follows ``qsmbids slurm``.

    Raises
    ------
    UsageError, InputError
        If the options behind ``--`` cannot be used, if there is nothing to process and nothing
        to measure by, or if another file is in the script's place.
    """
    split = argv.index("--") if "--" in argv else len(argv)
    args, options = make_parser().parse_args(argv[:split]), list(argv[split + 1 :])
    output_dir = args.output_dir.resolve()
    work_dir = (args.work_dir or output_dir.parent / "work").resolve()
    folders = [str(args.bids_dir), str(output_dir), "participant", "-w", str(work_dir)]
    settings = parse([*folders, *options, "--dry-run"])
    cluster = Cluster(
        partition=args.partition,
        cpus=args.cpus,
        at_once=args.at_once,
        memory_gb=args.mem,
        time=args.time,
        sbatch=tuple(args.sbatch),
        command=tuple(shlex.split(args.command)),
    )
    text = slurm_script(settings, cluster, options)
    if args.script.exists() and MARK not in _head(args.script):
        raise UsageError(f"{args.script} is no script of qsmbids; choose another with --script.")
    with whole_file(args.script) as stream:
        stream.write(text.encode())
    print(f"Wrote {args.script}. Next: bash {args.script}")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of ``qsmbids slurm``."""
    parser = Parser(
        prog="qsmbids slurm",
        description="Write a script that runs a participant a task on a Slurm cluster.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bids_dir", type=Path, metavar="BIDS", help="the dataset")
    parser.add_argument("output_dir", type=Path, metavar="OUT", help="where the results go")
    parser.add_argument(
        "--partition", default="", metavar="NAME", help="default: the cluster's own"
    )
    parser.add_argument(
        "--mem",
        type=values.memory,
        default=0.0,
        metavar="SIZE",
        help="of a task; default: as measured of participants who are done, else by the model",
    )
    parser.add_argument(
        "--time",
        default="",
        metavar="HH:MM:SS",
        help="of a task; default: as measured of participants who are done, else the partition's",
    )
    parser.add_argument("--cpus", type=values.positive, default=2, metavar="N", help="of a task")
    parser.add_argument(
        "--at-once",
        type=values.positive,
        default=0,
        metavar="N",
        help="tasks side by side (default: any)",
    )
    parser.add_argument("--work-dir", "-w", type=Path, metavar="DIR", help="default: OUT/../work")
    parser.add_argument(
        "--command",
        default="qsmbids",
        help="what runs qsmbids there, such as 'apptainer run --cleanenv -B /data qsmbids.sif'",
    )
    parser.add_argument(
        "--sbatch",
        action="append",
        default=[],
        metavar="OPTION",
        help="another option of sbatch, such as --sbatch=--account=brain; may be given often",
    )
    parser.add_argument(
        "--script", type=Path, default=Path("qsmbids-slurm.sh"), help="default: %(default)s"
    )
    return parser


def _head(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")[:500]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read; choose another file with --script.") from error

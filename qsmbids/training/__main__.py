"""Train a network by its recipe: ``python -m qsmbids.training --recipe NAME --out DIR``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from qsmbids.errors import QsmbidsError, UsageError
from qsmbids.training.methods import find_recipe
from qsmbids.training.options import add_options, whole
from qsmbids.training.run import train


def main() -> int:
    """Run the training that the command line asks for; return the exit code."""
    asked = _parser().parse_args()
    try:
        train(
            find_recipe(asked.recipe).with_options(asked.changes),
            asked.out,
            heads=asked.heads,
            head_count=asked.head_count,
            subjects=asked.subjects,
            held_out=asked.held_out,
            start=asked.start_weights,
            device=asked.device,
            bfloat16=asked.bfloat16,
            steps=asked.steps,
            minutes=asked.minutes,
            workers=asked.workers,
            threads=asked.threads,
            resume=asked.resume,
            log=_log,
        )
    except QsmbidsError as error:
        if os.environ.get("RANK", "0") == "0":  # once, of several processes
            print(error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _log(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m qsmbids.training", description=__doc__)
    add = parser.add_argument
    add_options(add, required=True)
    add("--out", required=True, type=Path, help="folder of checkpoint, weights, card and log")
    add(
        "--threads",
        type=whole,
        metavar="N",
        help="of the trainer (default: torch's choice)",
    )
    add("--device", default="cpu", help="cpu (default), cuda or auto")
    add("--subjects", type=Path, metavar="DIR", help="store of subjects, for maps and fields")
    add(
        "--held-out",
        nargs="+",
        default=[],
        metavar="NAME",
        help="subjects kept for validation (default: the last, if there are two)",
    )
    precision = parser.add_mutually_exclusive_group().add_argument
    precision(
        "--bfloat16",
        action="store_true",
        default=None,
        help="compute in bfloat16 (default: where the processor is faster at it)",
    )
    precision("--float32", dest="bfloat16", action="store_false", default=None, help="in float32")
    add("--heads", type=Path, help="folder of simulated heads (default: beside --out)")
    add("--head-count", type=int, default=12, help="how many heads to simulate (default: 12)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

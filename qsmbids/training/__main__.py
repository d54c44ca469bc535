"""Train a network by its recipe: ``python -m qsmbids.training --recipe NAME --out DIR``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

from qsmbids.errors import QsmbidsError, UsageError
from qsmbids.training.engine.memory import keep_freed_memory
from qsmbids.training.methods.recipes import RECIPES, find_recipe
from qsmbids.training.run import train


def main() -> int:
    """Run the training that the command line asks for; return the exit code."""
    asked = _parser().parse_args()
    keep_freed_memory()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    try:
        recipe = find_recipe(asked.recipe).with_options(asked.set)
        train(
            recipe, asked.out, heads=asked.heads, head_count=asked.head_count,
            subjects=asked.subjects, held_out=asked.held_out, start=asked.start,
            device=asked.device, bfloat16=asked.bfloat16, steps=asked.steps,
            minutes=asked.minutes, workers=asked.workers, resume=asked.resume, log=_log,
        )  # fmt: skip
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
    add("--recipe", required=True, metavar="NAME", help=", ".join(RECIPES))
    add("--out", required=True, type=Path, help="folder of checkpoint, weights, card and log")
    add("--steps", type=int, help="how many steps; the recipe's number by default")
    add("--minutes", type=float, help="stop after that time; the schedule stretches to it")
    add("--threads", type=int, help="threads of the trainer; torch's choice by default")
    add("--workers", type=int, default=1, help="processes that make data (default: 1)")
    add("--device", default="cpu", help="cpu (default), cuda or auto")
    add(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="change an option of the recipe, as in tv=0.1 or degradation.noise=0; repeat",
    )  # fmt: skip
    add("--subjects", type=Path, metavar="DIR", help="store of subjects, for maps and fields")
    add(
        "--held-out", nargs="+", default=[], metavar="NAME",
        help="subjects kept for validation (default: the last, if there are two)",
    )  # fmt: skip
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument(
        "--bfloat16",
        action="store_true",
        default=None,
        help="compute in bfloat16 (default: where the processor is faster at it)",
    )
    precision.add_argument(
        "--float32",
        dest="bfloat16",
        action="store_false",
        default=None,
        help="compute in single precision",
    )
    add("--start", type=Path, metavar="WEIGHTS", help="weights file to start from")
    add("--resume", action="store_true", help="go on from the checkpoint in --out, if any")
    add("--heads", type=Path, help="folder of simulated heads (default: beside --out)")
    add("--head-count", type=int, default=12, help="how many heads to simulate (default: 12)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Train a network by its recipe: ``python -m qsmbids.training --recipe NAME --out DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from qsmbids.errors import QsmbidsError
from qsmbids.training.heads import make_heads
from qsmbids.training.loop import Trainer
from qsmbids.training.recipes import RECIPES, find_recipe


def main() -> int:
    """Run the training that the command line asks for; return the exit code."""
    asked = _parser().parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    try:
        recipe = find_recipe(asked.recipe)
        heads = asked.heads or asked.out.parent / "heads"
        if "heads" in recipe.worlds:
            make_heads(heads, asked.head_count, log=_log)
        trainer = Trainer(
            recipe, asked.out, heads=heads, start=asked.start, device=asked.device,
            use_bfloat16=not asked.float32, log=_log,
        )  # fmt: skip
        if asked.resume and trainer.resume():
            _log(f"going on from step {trainer.clock.step}")
        trainer.run(steps=asked.steps, minutes=asked.minutes, workers=asked.workers)
    except QsmbidsError as error:
        print(error, file=sys.stderr)
        return 1
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
    add("--device", default="cpu", help="cpu (default) or cuda")
    add("--float32", action="store_true", help="compute in single precision, not in bfloat16")
    add("--start", type=Path, metavar="WEIGHTS", help="weights file to start from")
    add("--resume", action="store_true", help="go on from the checkpoint in --out, if any")
    add("--heads", type=Path, help="folder of simulated heads (default: beside --out)")
    add("--head-count", type=int, default=12, help="how many heads to simulate (default: 12)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

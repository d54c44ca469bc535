"""The command-line options that both entries to a training share; nothing heavy is imported."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from qsmbids.training.methods import RECIPES


def add_options(add: Callable[..., Any], *, required: bool = False) -> None:
    """Add what says how to train: recipe, changes of it, start, end, device.

    Parameters
    ----------
    add : callable
        ``add_argument`` of a parser or of a group.
    required : bool
        Whether the recipe must be named.
    """
    names = ", ".join(RECIPES)
    add("--recipe", required=required, metavar="NAME", help=f"the training recipe: {names}")
    add(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        dest="changes",
        metavar="NAME=VALUE",
        help="change parts of the recipe, such as tv=0.1, corruption.noise=0 or config.base=32",
    )
    add(
        "--start",
        dest="start_weights",
        metavar="WEIGHTS",
        help="weights to start from: a file, or a name that the package ships",
    )
    add("--steps", type=whole, metavar="N", help="how many (default: the recipe's)")
    add(
        "--minutes",
        type=_minutes,
        metavar="M",
        help="how long, instead, with all that comes before the first step; the schedule stretches "
        "to it",
    )
    add("--resume", action="store_true", help="go on with a training that was stopped or killed")
    add(
        "--workers",
        type=partial(whole, least=0),
        default=1,
        metavar="N",
        help="processes that make training data (default: 1); with 0 the trainer makes it itself",
    )


def whole(text: str, least: int = 1) -> int:
    """Read a whole number of at least 1, or what is said."""
    if not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return int(text)


def _minutes(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time; a number above 0 is needed")
    return value

"""Which level a command line asks for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO

_PARSERS = {
    "participant": "qsmbids.cli.parser",
    "group": "qsmbids.cli.parser",
    "train": "qsmbids.cli.train_parser",
    "evaluate": "qsmbids.cli.evaluate_parser",
}


def find_level(arguments: Sequence[str]) -> str | None:
    """Return the level that a command line asks for, None if it names none.

    The levels have options of their own, and a folder or a participant may be called as a level
    is: it is the word that comes third once its own options and their values are gone.

    Parameters
    ----------
    arguments : sequence of str
        All of the command line's.
    """
    named = [word for word in dict.fromkeys(arguments) if word in _PARSERS]
    third = (word for word in named if _positional(word, arguments)[2:3] == [word])
    # what cannot be read is told by the parser of what was probably meant
    return next(third, named[0] if named else None)


def _positional(level: str, arguments: Sequence[str]) -> list[str]:
    """Return what is neither an option of the level nor an option's value."""
    options: argparse.ArgumentParser = import_module(_PARSERS[level]).level_options()
    options.exit_on_error = False
    for action in options._actions:  # values are checked later, by the level itself
        action.type = action.choices = None
    try:
        with redirect_stderr(StringIO()):
            words = options.parse_known_args(arguments)[1]
    except (argparse.ArgumentError, SystemExit):  # the latter of what Python 3.11 finds ambiguous
        return []
    return [word for word in words if word == "-" or not word.startswith("-")]

"""The levels of ``qsmbids``: which one a command line asks for, and its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from pathlib import Path

from qsmbids.cli import values
from qsmbids.cli.hints import Parser
from qsmbids.errors import UsageError

PARSERS = {
    "participant": "qsmbids.cli.parser",
    "group": "qsmbids.cli.parser",
    "train": "qsmbids.cli.train_parser",
    "evaluate": "qsmbids.cli.evaluate",
}
"""The module of each level; its ``level_options`` returns a parser of the level's options."""


def find_level(arguments: Sequence[str]) -> str | None:
    """Return the level that a command line asks for, None if it names none.

    The levels have options of their own, and a folder or a participant may be called as a level
    is: it is the word that comes third once its own options and their values are gone.

    Parameters
    ----------
    arguments : sequence of str
        All of the command line's.
    """
    named = [word for word in dict.fromkeys(arguments) if word in PARSERS]
    third = (word for word in named if _positional(word, arguments)[2:3] == [word])
    # what cannot be read is told by the parser of what was probably meant
    return next(third, named[0] if named else None)


def _positional(level: str, arguments: Sequence[str]) -> list[str]:
    """Return what is neither an option of the level nor an option's value."""
    options: argparse.ArgumentParser = import_module(PARSERS[level]).level_options()
    options.exit_on_error = False
    for action in options._actions:  # values are checked later, by the level itself
        action.type = action.choices = None
    try:
        with redirect_stderr(StringIO()):
            words = options.parse_known_args(arguments)[1]
    except (argparse.ArgumentError, SystemExit):  # the latter of what Python 3.11 finds ambiguous
        return []
    return [word for word in words if word == "-" or not word.startswith("-")]


def parse_level(
    argv: Sequence[str] | None,
    options: argparse.ArgumentParser,
    levels: Sequence[str],
    *,
    description: str,
    epilog: str,
    about: tuple[str, str, str] = ("the dataset", "where the results go", "this level"),
) -> argparse.Namespace:
    """Read ``BIDS OUT LEVEL`` and a level's options, from its configuration file as well.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.
    options : argparse.ArgumentParser
        Of the level's options alone.
    levels : sequence of str
        Words that the third argument may be.
    description, epilog : str
        What ``--help`` says before and after the arguments.
    about : tuple of str
        What it says of BIDS, OUT and LEVEL.

    Raises
    ------
    UsageError
        If the configuration file cannot be read, or has an option that there is not.
    SystemExit
        From ``argparse``: after ``--help``, ``--version`` or an argument it cannot read.
    """
    parser = Parser(
        prog="qsmbids",
        description=description,
        epilog=epilog,
        parents=[options],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bids_dir", type=Path, metavar="BIDS", help=about[0])
    parser.add_argument("output_dir", type=Path, metavar="OUT", help=about[1])
    parser.add_argument("level", choices=levels, help=about[2])
    first = parser.parse_args(argv)
    if first.config_file is None:
        return first
    config = _config_arguments(first.config_file, options)
    return parser.parse_args(argv, namespace=options.parse_args(config))


def _config_arguments(path: Path, options: argparse.ArgumentParser) -> list[str]:
    """Turn a configuration file into the arguments that it stands for."""
    known = {
        name.lstrip("-"): action
        for action in options._actions
        for name in action.option_strings
        if name.startswith("--")
    }
    arguments: list[str] = []
    for name, value in values.read_toml(path).items():
        key = name.replace("_", "-")
        if key not in known or key in ("config-file", "version"):
            raise UsageError(f"{path}: there is no option {name!r}.")
        takes_values = known[key].nargs != 0
        if isinstance(value, bool) and not takes_values:
            arguments += [f"--{key}"] if value else []
        elif key == "verbose" and isinstance(value, int):
            arguments += ["--verbose"] * value
        elif takes_values and not isinstance(value, bool):
            arguments += [f"--{key}", *values.as_arguments(value)]
        else:
            kind = "a value" if takes_values else "true or false"
            raise UsageError(f"{path}: the option {name!r} takes {kind}.")
    return arguments

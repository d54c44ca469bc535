"""The configuration file, whose options stand before those of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from qsmbids.cli import values
from qsmbids.errors import UsageError


def with_config(
    parser: argparse.ArgumentParser,
    options: argparse.ArgumentParser,
    argv: Sequence[str] | None,
) -> argparse.Namespace:
    """Read the arguments, and before them those of the configuration file that they name."""
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

"""Write the Boutiques descriptor of the app from its parser: ``make descriptor``.

Boutiques (https://doi.org/10.1093/gigascience/giy016) describes a command line in JSON, from which
platforms such as CBRAIN draw a form, check what is entered and start the container.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import qsmbids
from qsmbids.cli import values
from qsmbids.cli.parser import level_options

DESCRIPTOR = Path(__file__).resolve().parents[2] / "docker" / "boutiques.json"
_POSITIONAL = {
    "bids_dir": {"name": "BIDS dataset", "type": "File", "description": "the dataset"},
    "output_dir": {
        "name": "output folder",
        "type": "String",
        "description": "where the results go",
    },
    "level": {
        "name": "level",
        "type": "String",
        "value-choices": ["participant", "group"],
        "description": "participant: make the maps; group: gather the maps' figures in one table",
    },
}
ERRORS = {
    1: "something failed; the last lines say what",
    2: "the command asks for something that cannot be done",
    3: "with --strict: a check of a map is red; the last lines say whose",
    130: "stopped by Ctrl-C or a signal; the same command goes on from there",
}


def descriptor() -> dict[str, Any]:
    """Return the descriptor of the levels `participant` and `group`."""
    positional = [{"id": name, **told, **_key(name)} for name, told in _POSITIONAL.items()]
    options = [_input(action) for action in _actions()]
    modes = [_identifier(action) for action in _actions() if action.dest == "mode"]
    inputs = [*positional, *options]
    return {
        "name": "qsmbids",
        "tool-version": qsmbids.__version__,
        "schema-version": "0.5",
        "description": qsmbids.__doc__.strip(),
        "author": "The qsmbids developers",
        "command-line": " ".join(["qsmbids", *(each["value-key"] for each in inputs)]),
        "container-image": {"type": "docker", "image": "qsmbids"},
        "inputs": inputs,
        "groups": [
            {"id": "mode", "name": "mode", "members": modes, "mutually-exclusive": True},
        ],
        "output-files": [
            {"id": "results", "name": "results", "path-template": "[OUTPUT_DIR]"},
        ],
        "error-codes": [{"code": code, "description": text} for code, text in ERRORS.items()],
        "tags": {"domain": ["neuroinformatics", "mri"], "bids-app": True},
    }


def _actions() -> Iterator[argparse.Action]:
    """Yield the options that a run may have, and not those that print something and end."""
    for action in level_options()._actions:
        if action.dest not in ("version", "help_methods"):
            yield action


def _identifier(action: argparse.Action) -> str:
    return _flag(action).removeprefix("--").replace("-", "_")


def _flag(action: argparse.Action) -> str:
    return next(name for name in action.option_strings if name.startswith("--"))


def _key(identifier: str) -> dict[str, str]:
    return {"value-key": f"[{identifier.upper()}]"}


def _input(action: argparse.Action) -> dict[str, Any]:
    """Return what Boutiques is told of an option."""
    identifier = _identifier(action)
    told: dict[str, Any] = {
        "id": identifier,
        "name": identifier.replace("_", " "),
        "description": str(action.help) % vars(action),
        "command-line-flag": _flag(action),
        "optional": True,
        **_kind(action),
        **_key(identifier),
    }
    if action.choices:
        told["value-choices"] = list(action.choices)
    return {**told, "list": True} if action.nargs == "+" else told


def _kind(action: argparse.Action) -> dict[str, Any]:
    """Return the type of an option's values; a folder that a run may make is no `File`."""
    if action.nargs == 0:
        return {"type": "Flag"}
    if action.type is values.positive:
        return {"type": "Number", "integer": True, "minimum": 1}
    return {"type": "File" if action.type is Path and action.metavar != "DIR" else "String"}


def rendered() -> str:
    """Return the file's text."""
    return json.dumps(descriptor(), indent=2) + "\n"


if __name__ == "__main__":
    DESCRIPTOR.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"{DESCRIPTOR} is up to date.\n")

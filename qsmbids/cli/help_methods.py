"""``--help-methods``: every method with its options, what they mean and their defaults."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from qsmbids.background import METHODS as BACKGROUND
from qsmbids.contrast import SEPARATION, WEIGHTING
from qsmbids.inversion import COMBINATIONS
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.masking import METHODS as MASKING
from qsmbids.options import as_text
from qsmbids.phase import FITS, UNWRAPPING
from qsmbids.registry import Method

SETTABLE = ("brain-extraction", "background", "method", "separation", "swi")
"""Choices whose methods have options that ``--option`` sets."""

_WIDTH = 96
_PARAMETER = re.compile(r"^(\w[\w, ]*) : .*\n((?:    .*\n?|\n)+)", re.MULTILINE)


class HelpMethods(argparse.Action):
    """Print the methods and end, as ``--help`` does."""

    def __init__(self, option_strings: list[str], dest: str, **how: Any):
        super().__init__(option_strings, dest, nargs=0, **how)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print and end with 0."""
        print("\n".join(describe_methods()))
        parser.exit()


def registries() -> dict[str, Mapping[str, Method]]:
    """Return the methods by the option of the command line that chooses among them."""
    return {
        "brain-extraction": MASKING,
        "unwrapping": UNWRAPPING,
        "fit": FITS,
        "background": BACKGROUND,
        "method": {**INVERSION, **COMBINATIONS},
        "separation": SEPARATION,
        "swi": WEIGHTING,
    }


def choice(option: str, name: str) -> str:
    """Return how a method is chosen: ``--swi`` has one alone."""
    return f"--{option}" if option == name else f"--{option} {name}"


def describe_methods() -> Iterator[str]:
    """Yield lines: each method, then its options as ``--option`` takes them."""
    yield "Set an option with --option METHOD.NAME=VALUE; the values below are the defaults."
    for option, registry in registries().items():
        for name, method in registry.items():
            yield f"\n{choice(option, name)}: {method.label}"
            own = method.defaults() if option in SETTABLE else {}
            told = meanings(method) if own else {}
            for key, value in own.items():
                about = told.get(key, "")
                text = f"  {name}.{key}={as_text(value)}" + (f"  {about}" if about else "")
                yield fill(text, _WIDTH, subsequent_indent="      ")


def meanings(method: Method) -> dict[str, str]:
    """Return the first sentence that the docstrings have on each option."""
    found: dict[str, str] = {}
    for text in method.documents():
        for names, about in _PARAMETER.findall(text):
            sentence = re.split(r"(?<=[.;])\s", " ".join(about.split()))[0].rstrip(";")
            meaning = sentence.replace("`", "").replace(":math:", "").replace("\\", "")
            found |= {name.strip(): meaning for name in names.split(",") if "As in" not in meaning}
    return found

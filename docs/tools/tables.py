"""Tables of the commands, the methods and their options, from the parsers and the registries."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from qsmbids.cli import slurm
from qsmbids.cli.command import Command
from qsmbids.cli.help_methods import SETTABLE, choice, meanings, registries
from qsmbids.cli.levels import PARSERS
from qsmbids.options import as_text
from qsmbids.reports.citations import CITATIONS
from qsmbids.training.methods import RECIPES, find_recipe

ELSEWHERE = "See [Using qsmbids](using.md)."
"""What is said of an option that decides on a method's input, and has no docstring of its own."""
PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def methods() -> Iterator[str]:
    """Yield a row for each method: option, name, sources."""
    yield from ("| option | method | source |", "|---|---|---|")
    for option, registry in registries().items():
        for name, method in registry.items():
            sources = ", ".join(map(source_link, method.citations))
            yield f"| `{choice(option, name)}` | {method.label} | {sources} |"


def options() -> Iterator[str]:
    """Yield the options of each method that has some: defaults, meaning, and what papers have."""
    for option in SETTABLE:
        for name, method in registries()[option].items():
            own = method.defaults()
            if own:
                yield from ("", f"### {method.label}", "")
            told = meanings(method) if own else {}
            for key, value in own.items():
                about = escaped(told[key].rstrip(".")) + "." if key in told else ELSEWHERE
                if key in method.paper:
                    about += f" `--preset paper`: `{as_text(method.paper[key])}`."
                yield from (f"`{name}.{key}={as_text(value)}`", f": {about}", "")


def recipes() -> Iterator[str]:
    """Yield a row for each training recipe: its fields and their values."""
    yield from ("| recipe | its options and their defaults |", "|---|---|")
    for name in RECIPES:
        recipe = find_recipe(name)
        values = {one.name: getattr(recipe, one.name) for one in fields(recipe)}
        plain = {key: value for key, value in values.items() if not hasattr(value, "__dict__")}
        yield f"| `{name}` | {assignments(plain)} |"


def commands() -> Iterator[str]:
    """Yield every command with its arguments, as its parser has them."""
    for home in dict.fromkeys(PARSERS.values()):
        levels = [f"qsmbids BIDS OUT {level}" for level in PARSERS if PARSERS[level] == home]
        yield from _command("`, `".join(levels), import_module(home).level_options())
    yield from _command("qsmbids slurm", slurm.make_parser())
    scripts = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["scripts"]
    for name, target in scripts.items():
        module, attribute = target.split(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, Command):
            yield from _command(name, command.make_parser())


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from ("", f"## `{name}`", "", parser.description or "", "")
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if a.help != argparse.SUPPRESS]
        actions = [a for a in actions if not isinstance(a, argparse._HelpAction)]
        if actions:
            yield from (f"**{group.title}**", "")
        for action in actions:
            yield from (_usage(action), f": {_help(parser, action)}", "")


def _usage(action: argparse.Action) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    if action.nargs == 0:
        return names
    value = action.metavar or action.dest
    value = " ".join(value) if isinstance(value, tuple) else value
    if action.choices and not action.metavar:
        value = "{" + ", ".join(map(str, action.choices)) + "}"
    return f"{names} `{value}`".strip() + (" …" if action.nargs in ("+", "*") else "")


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Return the text of an option as ``--help`` prints it, made safe for Markdown."""
    return escaped(parser._get_formatter()._expand_help(action)) if action.help else "…"


def escaped(text: str) -> str:
    """Return text so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>|#$~])", r"\\\1", text)


def assignments(values: Mapping[str, Any]) -> str:
    """Return names and values as the command line takes them."""
    return ", ".join(f"`{key}={as_text(value)}`" for key, value in values.items())


def source_link(key: str) -> str:
    """Return a reference as first author and year, with its link if it has one."""
    citation = CITATIONS[key]
    author = re.match(r"(.+?) [A-Z]+\b", citation.text)
    year = re.search(r"\((\d{4})\)", citation.text)
    if not (author and year):
        raise ValueError(f"{key}: the text must begin with an author and hold the year in brackets")
    name = f"{author[1]} {year[1]}"
    return f"[{name}]({citation.url})" if citation.url else name

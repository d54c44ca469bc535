"""What a script has computed so far, so that a run that was stopped goes on; and its page."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import qsmbids
from qsmbids import __version__
from qsmbids.inversion import METHODS
from qsmbids.networks.weights_file import digest, locate, read
from qsmbids.training.engine.checkpoint import commit

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("physics", "networks", "inference", "inversion", "evaluation")
"""What turns a field into a map and a map into scores."""
BEGIN, END = "<!-- written by hand; kept when the page is made again -->", "<!-- end -->"
UNWRITTEN = "Nobody has written down yet what of this agrees with the paper."
Record = dict[str, Any]
"""Scores by reference, or ``error``: the sentence of a method that failed."""


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with what all scripts ask."""
    asked = argparse.ArgumentParser(description=doc)
    asked.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    asked.add_argument("--size", type=float, help="voxel edge of the heads in mm, 2.5 by default")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--fresh", action="store_true", help="forget what was computed before")
    asked.add_argument("--page", type=Path, help="to write; in docs/results unless it is quick")
    scratch = ROOT / "checkpoints" / "papers"
    asked.add_argument("--scratch", type=Path, default=scratch, help="for what is kept")
    return asked


def read_command(
    asked: argparse.ArgumentParser, argv: Sequence[str] | None, script: str
) -> argparse.Namespace:
    """Return what a command asks for, with its size, the page's path and the command itself.

    The page has the name of the argument ``table``, else that of the script.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    found = asked.parse_args(arguments)
    found.command = [script, *arguments]
    found.size = found.size or (6.0 if found.quick else 2.5)
    folder = found.scratch / "quick" if found.quick else ROOT / "docs" / "results"
    found.page = found.page or folder / f"{getattr(found, 'table', script)}.md"
    return found


class Ledger:
    """Records by key in a JSON file, kept while settings, weights and the methods' code stay.

    Parameters
    ----------
    path : Path
        The file.
    settings : mapping
        What decides the figures: sizes, heads, options.
    weights : mapping of str to Path or str
        Path or shipped name of the weights that a method reads.
    fresh : bool
        Begin anew in any case.
    """

    def __init__(
        self,
        path: Path,
        settings: Mapping[str, Any],
        weights: Mapping[str, Path | str],
        fresh: bool = False,
    ):
        self.path = path
        self.cards = {method: _card(file) for method, file in weights.items()}
        self.settings = json.loads(json.dumps({**settings, "code": _code()}))
        self.records: dict[str, Record] = {}
        self.used: list[Record] = []
        known = json.loads(path.read_text()) if path.exists() and not fresh else {}
        if known.get("settings") == self.settings:
            sound = {key: one for key, one in known["records"].items() if "error" not in one}
            self.records = sound

    def get(self, case: str, method: str, compute: Callable[[], Record]) -> Record:
        """Return the record of a case and method; compute what is not known.

        New weights of a method make it unknown. What the method raises becomes a record that
        says so.
        """
        sha256 = self.cards.get(method, {}).get("sha256", "")
        key = f"{case} {method} {sha256[:12]}".strip()
        if key not in self.records:
            try:
                record = compute()
            except Exception as error:  # its row says so, the others stand
                record = {"error": f"{type(error).__name__}: {error}"}
            self.records[key] = {**record, "made": _made()}
            print(key, record.get("error", "done"), flush=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_suffix(".part")
            content = {"settings": self.settings, "records": self.records}
            temporary.write_text(json.dumps(content, indent=1) + "\n")
            temporary.replace(self.path)
        self.used.append(self.records[key])
        return self.records[key]

    def write_page(
        self, asked: argparse.Namespace, title: str, facts: Sequence[str], body: Sequence[str]
    ) -> None:
        """Write the page; what stands between the marks in the one before stays.

        Parameters
        ----------
        asked : Namespace
            What `read_command` has returned.
        title : str
            Its heading.
        facts : sequence of str
            Lines on how the figures were made; when, with what and where goes before them.
        body : sequence of str
            Lines of the tables; that of the weights comes last.
        """
        path, command = asked.page, shlex.join(asked.command)
        before = path.read_text() if path.exists() else ""
        _, found, rest = before.partition(BEGIN)
        kept = rest.partition(END)[0].strip() if found else ""
        made = [f"- {one}" for one in dict.fromkeys(record["made"] for record in self.used)]
        cards = {card["name"]: card for card in self.cards.values()}
        weights = [
            f"| {name} | {card['steps']} | `{card['sha256'][:12]}` |"
            for name, card in cards.items()
        ]
        lines = [f"# {title}", "", f"Made by `python -m benchmarks.papers.{command}`."]
        lines += ["", *made, *facts, "", "## What agrees and what does not", "", BEGIN]
        lines += [kept or UNWRITTEN, END, "", *body, "## Weights", ""]
        lines += ["| weights | training steps | SHA-256 |", "| --- | --- | --- |", *weights]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        print(f"wrote {path}")


def ledger_of_methods(
    asked: argparse.Namespace,
    page: str,
    settings: Mapping[str, Any],
    rows: Mapping[str, tuple[str, Mapping[str, Any]]],
) -> Ledger:
    """Return the ledger of a page whose rows are methods of the app with options."""
    used = {row: {**METHODS[method].defaults(), **how} for row, (method, how) in rows.items()}
    weights = {row: values["weights"] for row, values in used.items() if "weights" in values}
    settings = {"size": asked.size, "quick": asked.quick, **settings}
    return Ledger(asked.scratch / f"{page}-{asked.size:g}mm.json", settings, weights, asked.fresh)


def _card(file: Path | str) -> dict[str, Any]:
    path = locate(file)
    card, _ = read(path)
    name = path.parent.name if path.stem == "weights" else path.stem
    return {"name": name, "steps": card.get("steps"), "sha256": digest(path)}


def _code() -> str:
    sums = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((Path(qsmbids.__file__).parent / package).rglob("*.py")):
            sums.update(file.read_bytes())
    return sums.hexdigest()[:12]


def _made() -> str:
    return (
        f"{datetime.date.today().isoformat()}, qsmbids {__version__}, commit "
        f"{(commit() or 'unknown')[:12]}, {os.cpu_count()} cores ({platform.machine()}), CPU only"
    )

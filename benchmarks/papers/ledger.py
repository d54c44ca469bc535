"""What a script has computed so far, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.networks.weights_file import digest, locate, read
from qsmbids.training.engine.checkpoint import commit

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("physics", "nets", "inversion", "evaluation")
CODE = hashlib.sha256(
    b"".join(
        file.read_bytes()
        for package in METHODS
        for file in sorted((ROOT / "qsmbids" / package).rglob("*.py"))
    )
).hexdigest()[:12]
"""Of what turns a field into a map and a map into scores, when this process began."""
COMMIT = (commit() or "unknown")[:12]
Record = dict[str, Any]
"""Scores by reference, or ``error``: the sentence of a method that failed."""


def parser(doc: str) -> argparse.ArgumentParser:
    """Return a parser with what all scripts ask."""
    asked = argparse.ArgumentParser(description=doc.splitlines()[0])
    asked.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    asked.add_argument("--size", type=float, help="voxel edge of the heads in mm, 2.5 by default")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--fresh", action="store_true", help="forget what was computed before")
    asked.add_argument("--page", type=Path, help="to write; in docs/results unless it is quick")
    asked.add_argument(
        "--scratch", type=Path, default=ROOT / "checkpoints" / "papers",
        help="folder of what was computed before, and of trainings",
    )  # fmt: skip
    return asked


def read_command(
    asked: argparse.ArgumentParser, command: Sequence[str], page: str
) -> argparse.Namespace:
    """Return what a command asks for, with its size and the page, of the name ``page``."""
    found = asked.parse_args(command)
    found.size = found.size or (6.0 if found.quick else 2.5)
    folder = found.scratch / "quick" if found.quick else ROOT / "docs" / "results"
    found.page = found.page or folder / f"{page}.md"
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
        self.settings = json.loads(json.dumps({**settings, "code": CODE}))
        self.records: dict[str, Record] = {}
        self.used: list[Record] = []
        if path.exists() and not fresh:
            known = json.loads(path.read_text())
            if known["settings"] == self.settings:
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
            self._write()
        self.used.append(self.records[key])
        return self.records[key]

    def facts(self) -> list[str]:
        """Return lines that say when, with what and where the figures were made."""
        return [f"- {made}" for made in dict.fromkeys(record["made"] for record in self.used)]

    def weights_table(self) -> list[str]:
        """Return the table of the weights files that were used."""
        cards = {card["name"]: card for card in self.cards.values()}
        rows = [
            f"| {name} | {card['steps']} | `{card['sha256'][:12]}` |"
            for name, card in cards.items()
        ]
        return ["| weights | training steps | SHA-256 |", "| --- | --- | --- |", *rows]

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".part")
        content = {"settings": self.settings, "records": self.records}
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        temporary.replace(self.path)


def _card(file: Path | str) -> dict[str, Any]:
    path = locate(file)
    card, _ = read(path)
    name = path.parent.name if path.stem == "weights" else path.stem
    return {"name": name, "steps": card.get("steps"), "sha256": digest(path)}


def _made() -> str:
    return (
        f"{datetime.date.today().isoformat()}, qsmbids {__version__}, commit "
        f"{COMMIT}, {os.cpu_count()} cores ({platform.machine()}), CPU only"
    )

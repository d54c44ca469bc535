"""Name the packages of this environment whose versions nothing fixes.

    python -m release.pins [CONSTRAINTS]

A version is fixed by a line of the file of constraints, or by a package that takes no other one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
OURS = {"qsmbids", "pip"}


def here(lines: Iterable[str], extra: str = "") -> list[Requirement]:
    """Return the requirements that count in this interpreter, for one extra or none."""
    read = [Requirement(line) for line in lines]
    return [one for one in read if not one.marker or one.marker.evaluate({"extra": extra})]


def demands(installed: Mapping[str, Distribution]) -> Iterator[Requirement]:
    """Yield what installed packages require, with the extras that they ask of each other."""
    waiting = [(name, "") for name in installed]
    for name, extra in waiting:
        for requirement in here(installed[name].requires or [], extra):
            yield requirement
            asked = canonicalize_name(requirement.name)
            pairs = [(asked, wanted) for wanted in requirement.extras if asked in installed]
            waiting += [pair for pair in pairs if pair not in waiting]


def fixed(requirements: Iterable[Requirement]) -> set[str]:
    """Return the names of packages of which a requirement takes one version only."""
    return {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if any(part.operator == "==" for part in requirement.specifier)
    }


def unpinned(constraints: str, installed: Iterable[Distribution]) -> list[str]:
    """Return the sorted names of installed packages that neither constraints nor packages fix.

    Parameters
    ----------
    constraints : str
        Text of the file of constraints.
    installed : Iterable[Distribution]
        The packages of an environment.
    """
    lines = (line.partition("#")[0].strip() for line in constraints.splitlines())
    packages = {canonicalize_name(package.metadata["Name"]): package for package in installed}
    pinned = fixed(here(filter(None, lines))) | fixed(demands(packages))
    return sorted(packages.keys() - pinned - OURS)


def main() -> None:
    """Print what is not fixed; exit with 1 if there is any."""
    read = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    read.add_argument("constraints", nargs="?", type=Path, default=ROOT / "constraints.txt")
    path = read.parse_args().constraints
    found = unpinned(path.read_text("utf-8"), distributions())
    if found:
        sys.exit(f"{path} lacks a line for {', '.join(found)}.")


if __name__ == "__main__":
    main()

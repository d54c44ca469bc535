"""Whether a file of constraints fixes all that is installed."""

from __future__ import annotations

from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from release.pins import unpinned


def package(folder: Path, name: str, *requires: str) -> PathDistribution:
    """Return a package as pip would have installed it."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {one}" for one in requires)]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    return PathDistribution(info)


CUDA = 'cublas==1.0.*; extra == "maths"'


@pytest.mark.parametrize(
    ("constraints", "asked", "expected"),
    [
        ("torch==1.0\n# fixes\ncublas==1.0", "toolkit==1.0", []),
        ("torch==1.0", "toolkit[maths]==1.0", []),
        ("torch==1.0", "toolkit==1.0", ["cublas"]),  # nobody asks for the extra that fixes it
        ("torch==1.0", "toolkit[maths]>=1.0", ["toolkit"]),
        ("torch>=1.0", "toolkit[maths]==1.0", ["torch"]),
        ('torch==1.0; python_version < "3"', "toolkit[maths]==1.0", ["torch"]),
        ("Torch==1.0", 'toolkit[maths]==1.0; python_version > "3"', []),
    ],
)
def test_what_neither_constraints_nor_packages_fix(
    tmp_path: Path, constraints: str, asked: str, expected: list[str]
) -> None:
    packages = [
        package(tmp_path, "torch", asked),
        package(tmp_path, "toolkit", CUDA),
        package(tmp_path, "cublas"),
    ]
    assert unpinned(constraints, packages) == expected

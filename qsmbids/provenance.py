"""By what a run was made: version, command, date, and the packages that it stood on."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from datetime import datetime
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qsmbids import __version__

_PACKAGES = ("numpy", "scipy", "nibabel", "nipype", "pybids", "torch")
_CODE = (".py", ".json")  # sources, and the cards of the weights


@cache
def code_digest(package: Path = Path(__file__).parent) -> str:
    """Return a digest of a package's sources: what two commits of one version differ in.

    Some 5 ms for this package.
    """
    found = blake2b(digest_size=8)
    for folder, _, names in sorted(os.walk(package)):
        for path in (Path(folder, name) for name in sorted(names) if name.endswith(_CODE)):
            content = path.read_bytes()
            found.update(f"{path.relative_to(package).as_posix()} {len(content)} ".encode())
            found.update(content)
    return found.hexdigest()


def this_run() -> dict[str, Any]:
    """Return the version, the command as it was typed, and the date with its time zone."""
    return {
        "Version": __version__,
        "Command": shlex.join(sys.argv),
        "Date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def environment() -> dict[str, str]:
    """Return the versions of Python, of the system, and of the packages that results depend on."""
    found = {"Python": platform.python_version(), "System": platform.platform(terse=True)}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

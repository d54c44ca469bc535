"""By what a run was made: version, command, date, and the packages that it stood on."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from qsmbids import __version__

_PACKAGES = ("numpy", "scipy", "nibabel", "nipype", "pybids", "torch")


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

"""The BIDS validator, run beside the processing where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from qsmbids.settings import Settings
from qsmbids.workflows.progress import Progress

_NAME = "bids-validator-deno"


class Validation:
    """Runs while the block runs; at its end, errors of the dataset are told as a warning.

    They do not stop the run: whatever the processing needs is checked for each series.
    """

    def __init__(self, settings: Settings, progress: Progress):
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None
        beside = Path(sys.executable).with_name(_NAME)
        program = shutil.which(_NAME) or (str(beside) if beside.is_file() else None)
        if settings.validate and program:
            self._process = subprocess.Popen(
                [program, str(settings.bids_dir), "--format", "json", "--ignoreWarnings"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
            )
            with suppress(OSError):  # it has until the run's end: maps come first
                os.setpriority(os.PRIO_PROCESS, self._process.pid, 19)

    def __enter__(self) -> Validation:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._process is None:
            return
        if kind is not None:
            self._process.kill()
        output = self._process.communicate()[0]
        codes = _codes(output)
        if codes:
            self._progress.line(
                f"The BIDS validator finds errors in the dataset: {', '.join(codes)} "
                "(--skip-bids-validation silences this)."
            )


def _codes(output: bytes) -> list[str]:
    """Return the codes of the errors in the validator's output, each with its count."""
    try:
        issues = json.loads(output)["issues"]["issues"]
    except (ValueError, KeyError, TypeError):
        return []
    found = [str(issue.get("code")) for issue in issues if issue.get("severity") == "error"]
    return [f"{code} ({found.count(code)})" for code in dict.fromkeys(found)]

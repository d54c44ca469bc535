"""What a run says: its log, and the lines or the live display of the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from qsmbids.errors import readable

Draw = Callable[[Callable[[], dict[str, Any]]], Any]
"""Makes a live display, with ``start``, ``stop`` and a ``console``, of what a function returns."""


class RunLog:
    """Writes lines to the log, and says them on the terminal too.

    Each run has its own log, also when several start in the same second.

    Parameters
    ----------
    output_dir : Path
        The output dataset; the log goes into its folder ``logs``.

    Attributes
    ----------
    path : Path
        The log.
    """

    def __init__(self, output_dir: Path):
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}_run.log"
        self.path = output_dir / "logs" / name
        self._stream = self.path.open("w", encoding="utf-8")
        self._live: Any = None

    @property
    def is_live(self) -> bool:
        """Whether the terminal has a live display."""
        return self._live is not None

    def start_live(self, draw: Draw, snapshot: Callable[[], dict[str, Any]]) -> None:
        """Begin with a live display of what ``snapshot`` returns."""
        self._live = draw(snapshot)
        self._live.start()

    def stop_live(self) -> None:
        """End the live display, if there is one."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def write(self, text: str) -> None:
        """Write a line to the log alone."""
        with suppress(OSError):  # a full disk ends the log, not the run
            self._stream.write(f"{datetime.now():%H:%M:%S} {text}\n")
            self._stream.flush()

    def line(self, text: str, error: bool = False) -> None:
        """Say a line, on the terminal and in the log."""
        self.write(text)
        if self._live is not None and not error:
            self._live.console.print(readable(text), markup=False, highlight=False, soft_wrap=True)
        else:
            print(readable(text), file=sys.stderr if error else sys.stdout, flush=True)

    def close(self) -> None:
        """End the log."""
        self._stream.close()

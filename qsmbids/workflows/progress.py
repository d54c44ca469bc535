"""What the user sees of a run: lines on the terminal, or a live display, and the log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.bids import Inventory, Series, Skipped
from qsmbids.errors import readable
from qsmbids.settings import Settings
from qsmbids.workflows import plan, records

Draw = Callable[[Callable[[], dict[str, Any]]], Any]
"""Makes a live display, with ``start``, ``stop`` and a ``console``, of what a function returns."""

_PAGES = 10  # whose paths are shown
_TOLD = 20  # series whose warnings the terminal shows; the log has all


class Progress:
    """Counts series and participants, shows them, and keeps the log.

    Parameters
    ----------
    settings : Settings
        Where the log goes, and how much to say.
    inventory : Inventory
        All series.
    todo : sequence of Series
        Those to process; the others are done already.
    draw : callable, optional
        Makes the display of a terminal; without, there are lines alone.

    Attributes
    ----------
    failures : dict of str to str
        The sentence of each series that failed, by its key.
    path : Path
        The run's log.
    warnings : dict of str to list of str
        What makes the maps of a series doubtful, by its key.
    """

    RED = 3
    """The exit code of red lights with ``--strict``."""

    def __init__(
        self,
        settings: Settings,
        inventory: Inventory,
        todo: Sequence[Series],
        draw: Draw | None = None,
    ):
        self.failures: dict[str, str] = {}
        self.warnings: dict[str, list[str]] = {}
        self._settings = settings
        self._unchanged = len(inventory.series) - len(todo)
        self._ended: list[Series] = []
        waiting = {series.key for series in todo}
        for series in inventory.series:
            if series.key not in waiting:
                self._note_warnings(series)
        self._open = {series.key: series.participant for series in todo}
        self._total = len(todo)
        self._done = 0
        self._ended_share = 0
        self._open_share = {
            series.key: sum(plan.stage_share(label) for label, _ in plan.steps(series, settings))
            for series in todo
        }
        self._running: dict[tuple[str, str], float] = {}
        self._start = time.monotonic()
        self.path = _log_path(settings.output_dir)
        self._log = self.path.open("w", encoding="utf-8")
        self._draw = draw
        self._live: Any = None

    def __enter__(self) -> Progress:
        self._write(f"qsmbids {__version__}: {' '.join(sys.argv)}")
        self._write(repr(self._settings))
        self.line(
            f"{self._total} series of {len(set(self._open.values()))} participants to process, "
            f"{self._unchanged} unchanged since the last run."
        )
        if self._draw is not None and self._total and sys.stdout.isatty():
            self._live = self._draw(self._snapshot)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._stop()
        if kind is not None:
            how = "stopped" if issubclass(kind, KeyboardInterrupt) else f"broken off: {error}"
            self._write(f"{how}; {self._done} series done, {len(self._open)} left.")
        self._log.close()

    def line(self, text: str, error: bool = False) -> None:
        """Say something, on the terminal and in the log."""
        self._write(text)
        if self._live is not None and not error:
            self._live.console.print(readable(text), markup=False, highlight=False, soft_wrap=True)
        else:
            print(readable(text), file=sys.stderr if error else sys.stdout, flush=True)

    def skipped(self, item: Skipped) -> None:
        """Say that a series is skipped."""
        if item.error:
            self.failures[item.key] = item.reason
            self.line(_name_first(item.key, item.reason), error=True)
        else:
            self._write(f"{item.key}: skipped: {item.reason}")
            if self._settings.verbose:
                print(readable(f"{item.key}: skipped: {item.reason}"))

    def stage_started(self, series: str, stage: str) -> None:
        """A stage of a series has begun."""
        self._running[series, stage] = time.monotonic()

    def stage_ended(self, series: str, stage: str) -> None:
        """It has ended, one way or the other."""
        start = self._running.pop((series, stage), None)
        share = plan.stage_share(stage)
        if share and series in self._open_share:
            self._ended_share += share
            self._open_share[series] -= share
        took = "unchanged" if start is None else f"{time.monotonic() - start:.1f} s"
        text = f"{series}: {stage}: {took}"
        if self._live is None and (self._settings.verbose or not stage.startswith("writing")):
            self.line(text)
        else:
            self._write(text)

    def series_ended(self, series: Series, failure: str | None) -> None:
        """A series is done, or has failed for a reason."""
        if series.key in self._open:
            self._done += failure is None
            del self._open[series.key], self._open_share[series.key]
        if failure is None:
            self._note_warnings(series)
            self.line(f"{series.key}: done ({self._done} of {self._total} series)")
            return
        self.failures[series.key] = failure
        self.line(_name_first(series.key, failure), error=True)

    def summarise(self) -> int:
        """Say how the run went and return the exit code."""
        self._stop()
        failed = len(self.failures)
        minutes, seconds = divmod(round(time.monotonic() - self._start), 60)
        parts = [f"{self._done} series done", f"{self._unchanged} unchanged", f"{failed} failed"]
        self.line(f"{', '.join(parts)} in {minutes} min {seconds} s; log: {self.path}")
        maps, red = self._tell_lights()
        for key, text in self.failures.items():
            self._write(f"failed: {_name_first(key, text)}")
        if failed:
            self.line(
                f"What failed, and why, stands in {self.path.parent} and on the pages sub-*.html.",
                error=True,
            )
        self._tell_pages(maps, red)
        return int(bool(failed)) or (self.RED if red and self._settings.strict else 0)

    def _note_warnings(self, series: Series) -> None:
        self._ended.append(series)
        if told := records.warnings_of(series, self._settings):
            self.warnings[series.key] = told

    def _tell_lights(self) -> tuple[int, dict[str, int]]:
        """Say which maps are doubtful and why; return how many maps there are, and red ones."""
        maps, red, doubtful = 0, {}, {}
        for series in self._ended:
            lights = records.lights_of(series, self._settings)
            maps += len(lights)
            if worst := [texts[0] for texts in lights.values() if texts]:
                red[series.key] = len(worst)
            told = [*worst[:1], *self.warnings.get(series.key, [])]
            if told:
                doubtful[series.key] = told
        if doubtful:
            heading = f"Look at {len(doubtful)} of {len(self._ended)} series before you use"
            self.line(f"{heading} their maps:", error=True)
        for number, (key, told) in enumerate(doubtful.items()):
            for text in told:
                if number < _TOLD:
                    self.line(f"  {_name_first(key, text)}", error=True)
                else:
                    self._write(f"  {_name_first(key, text)}")
        if len(doubtful) > _TOLD:
            more = len(doubtful) - _TOLD
            self.line(f"  and {more} more: see the log and the pages.", error=True)
        return maps, red

    def _tell_pages(self, maps: int, red: dict[str, int]) -> None:
        """Say last where the pages are, and which maps have red lights."""
        labels = dict.fromkeys(series.participant for series in self._ended)
        pages = [self._settings.output_dir / f"sub-{label}.html" for label in labels]
        pages = [page for page in pages if page.is_file()]
        if pages:
            more = f" and {len(pages) - _PAGES} more" if len(pages) > _PAGES else ""
            self.line(f"Pages: {' '.join(map(str, pages[:_PAGES]))}{more}")
        if maps:
            who = ", ".join(list(red)[:_TOLD]) + (", ..." if len(red) > _TOLD else "")
            count = sum(red.values())
            some = f"{count} of {maps} maps have something to look at: {who}"
            self.line(some if red else f"0 of {maps} maps have something to look at")

    def _snapshot(self) -> dict[str, Any]:
        """Return what the live display shows."""
        participants = set(self._open.values())
        ended = self._total - len(self._open)
        elapsed = time.monotonic() - self._start
        return {
            "participants_left": len(participants),
            "ended": ended,
            "total": self._total,
            "failed": len(self.failures),
            "elapsed": elapsed,
            "left": self._time_left(elapsed),
            "running": [
                (series, stage, time.monotonic() - start)
                for (series, stage), start in list(self._running.items())
            ],
        }

    def _time_left(self, elapsed: float) -> float | None:
        """Return the seconds that the stages still to come will take, None before the first.

        Those that run are taken as half done.
        """
        if not self._ended_share:
            return None
        half = sum(plan.stage_share(stage) for _, stage in list(self._running)) / 2
        open_share = max(sum(list(self._open_share.values())) - half, 0)
        return elapsed / (self._ended_share + half) * open_share

    def _write(self, text: str) -> None:
        with suppress(OSError):  # a full disk ends the log, not the run
            self._log.write(f"{datetime.now():%H:%M:%S} {text}\n")
            self._log.flush()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _log_path(output_dir: Path) -> Path:
    """Each run has its own log, also when several start in the same second."""
    return output_dir / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}_run.log"


def _name_first(key: str, text: str) -> str:
    return text if key in text else f"{key}: {text}"

"""What the user sees of a run: lines on the terminal, or a live display, and the log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from qsmbids import __version__
from qsmbids.bids import Inventory, Series, Skipped
from qsmbids.errors import readable
from qsmbids.settings import Settings
from qsmbids.workflows import records
from qsmbids.workflows.last_words import name_first, tell_doubts, tell_pages
from qsmbids.workflows.plan import steps
from qsmbids.workflows.run_clock import RunClock
from qsmbids.workflows.run_log import Draw, RunLog
from qsmbids.workflows.stage_names import stage_share


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
        self._clock = RunClock(
            {
                series.key: sum(stage_share(label) for label, _ in steps(series, settings))
                for series in todo
            }
        )
        self._log = RunLog(settings.output_dir)
        self.path = self._log.path
        self._draw = draw

    def __enter__(self) -> Progress:
        self._log.write(f"qsmbids {__version__}: {' '.join(sys.argv)}")
        self._log.write(repr(self._settings))
        self.line(
            f"{self._total} series of {len(set(self._open.values()))} participants to process, "
            f"{self._unchanged} unchanged since the last run."
        )
        if self._draw is not None and self._total and sys.stdout.isatty():
            self._log.start_live(self._draw, self._snapshot)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._log.stop_live()
        if kind is not None:
            how = "stopped" if issubclass(kind, KeyboardInterrupt) else f"broken off: {error}"
            self._log.write(f"{how}; {self._done} series done, {len(self._open)} left.")
        self._log.close()

    def line(self, text: str, error: bool = False) -> None:
        """Say something, on the terminal and in the log."""
        self._log.line(text, error)

    def skipped(self, item: Skipped) -> None:
        """Say that a series is skipped."""
        if item.error:
            self.failures[item.key] = item.reason
            self.line(name_first(item.key, item.reason), error=True)
        else:
            self._log.write(f"{item.key}: skipped: {item.reason}")
            if self._settings.verbose:
                print(readable(f"{item.key}: skipped: {item.reason}"))

    def stage_started(self, series: str, stage: str) -> None:
        """A stage of a series has begun."""
        self._clock.begin(series, stage)

    def stage_ended(self, series: str, stage: str) -> None:
        """It has ended, one way or the other."""
        seconds = self._clock.end(series, stage)
        took = "unchanged" if seconds is None else f"{seconds:.1f} s"
        text = f"{series}: {stage}: {took}"
        if not self._log.is_live and (self._settings.verbose or not stage.startswith("writing")):
            self.line(text)
        else:
            self._log.write(text)

    def series_ended(self, series: Series, failure: str | None) -> None:
        """A series is done, or has failed for a reason."""
        if series.key in self._open:
            self._done += failure is None
            del self._open[series.key]
            self._clock.leave(series.key)
        if failure is None:
            self._note_warnings(series)
            self.line(f"{series.key}: done ({self._done} of {self._total} series)")
            return
        self.failures[series.key] = failure
        self.line(name_first(series.key, failure), error=True)

    def summarise(self) -> int:
        """Say how the run went and return the exit code."""
        self._log.stop_live()
        failed = len(self.failures)
        minutes, seconds = divmod(round(self._clock.elapsed), 60)
        parts = [f"{self._done} series done", f"{self._unchanged} unchanged", f"{failed} failed"]
        self.line(f"{', '.join(parts)} in {minutes} min {seconds} s; log: {self.path}")
        maps, red = tell_doubts(self._log, self._settings, self._ended, self.warnings)
        for key, text in self.failures.items():
            self._log.write(f"failed: {name_first(key, text)}")
        if failed:
            self.line(
                f"What failed, and why, stands in {self.path.parent} and on the pages sub-*.html.",
                error=True,
            )
        tell_pages(self._log, self._settings, self._ended, maps, red)
        return int(bool(failed)) or (self.RED if red and self._settings.strict else 0)

    def _note_warnings(self, series: Series) -> None:
        self._ended.append(series)
        if told := records.warnings_of(series, self._settings):
            self.warnings[series.key] = told

    def _snapshot(self) -> dict[str, Any]:
        """Return what the live display shows."""
        elapsed = self._clock.elapsed
        return {
            "participants_left": len(set(self._open.values())),
            "ended": self._total - len(self._open),
            "total": self._total,
            "failed": len(self.failures),
            "elapsed": elapsed,
            "left": self._clock.left(elapsed),
            "running": self._clock.running,
        }

"""How each series of a batch went: begun, finished, failed, recorded and told."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from qsmbids.bids import Series
from qsmbids.errors import InputError
from qsmbids.interfaces.reporting import write_report
from qsmbids.settings import Settings
from qsmbids.workflows import records
from qsmbids.workflows.crashes import sentence, take_crash
from qsmbids.workflows.participants import TOP
from qsmbids.workflows.plan import outputs
from qsmbids.workflows.signatures import Signer
from qsmbids.workflows.stage_names import LABELS, node_name, stage_label
from qsmbids.workflows.tidy import remove_unfinished

_GIVEN_UP = "the run was stopped before the series was done"


class Listener(Protocol):
    """Who is told how the run goes."""

    def stage_started(self, series: str, stage: str) -> None:
        """A stage of a series has begun."""

    def stage_ended(self, series: str, stage: str) -> None:
        """It has ended, one way or the other."""

    def series_ended(self, series: Series, failure: str | None) -> None:
        """A series is done, or has failed for a reason."""


@dataclass
class State:
    """Where a series stands."""

    series: Series
    unwritten: set[str] = field(default_factory=set)
    failure: str | None = None
    ended: bool = False


class Outcomes:
    """Keeps where each series of a batch stands, by the name of its workflow.

    Parameters
    ----------
    settings : Settings
        Of the run.
    listener : Listener
        Is told when a series has ended.
    signer : Signer
        Signs what is read.
    """

    def __init__(self, settings: Settings, listener: Listener, signer: Signer):
        self._settings, self._listener, self._signer = settings, listener, signer
        self.states: dict[str, State] = {}

    def begin(self, series: Series) -> bool:
        """Begin with a series; tell whether its images are still there."""
        remove_unfinished(series, self._settings)
        state = self.states[node_name(series.key)] = State(series)
        try:
            self._signer.begin(series.images)
        except OSError as error:
            reason = f"{Path(error.filename).name} was there when the run began, and is gone"
            self.fail(state, LABELS["reading"], f"{reason}; put it back, or run again.", "")
        return not state.ended

    def left_to_combine(self, several: Sequence[tuple[Series, int]]) -> list[tuple[Series, int]]:
        """Return the sets of head orientations that are left once those that failed are gone."""
        ready = []
        for series, voxels in several:
            fit = [one for one in series.orientations if not self._has_failed(one)]
            gone = [one.key for one in series.orientations if one not in fit]
            if len(fit) > 1:
                warning = (f"The orientation {key} failed and is left out." for key in gone)
                left = replace(
                    series,
                    orientations=tuple(fit),
                    sources=tuple(dict.fromkeys(uri for one in fit for uri in one.sources)),
                    warnings=(*series.warnings, *warning),
                )
                ready.append((left, voxels))
                continue
            state = self.states[node_name(series.key)] = State(series)
            reason = f"{series.key}: of the head orientations {', '.join(gone)} failed"
            self.fail(state, LABELS["alignment"], f"{reason}; two or more are needed.", "")
        return ready

    def _has_failed(self, series: Series) -> bool:
        state = self.states.get(node_name(series.key))  # none: it could not even begin
        return state is None or bool(state.failure)

    def fail(self, state: State, stage: str, message: str, text: str) -> None:
        """Record that a series has failed, and tell."""
        series = state.series
        if series.key not in message and not message.startswith("sub-"):
            message = f"{series.key}, {stage}: {message}"
        state.failure, state.ended = message, True
        with suppress(OSError):  # a full disk must not keep the user from hearing of it
            records.write_failure(
                self._settings,
                series.participant,
                series.key,
                stage=stage,
                message=message,
                text=text,
            )
        self._listener.series_ended(series, message)

    def finish(self, state: State) -> None:
        """Record that a series is done, unless its images have changed meanwhile."""
        state.ended = True
        try:
            signed = self._signer.finish(state.series.images)
            records.write(state.series, self._settings, signed)
        except InputError as error:
            self.fail(state, LABELS["reading"], str(error), "")
            return
        except OSError as error:
            self.fail(state, "record", sentence(f"OSError: {error}"), "")
            return
        if not self._settings.combinations:  # these still register by the magnitude
            self._drop_echoes(state.series)
        self._listener.series_ended(state.series, None)

    def _drop_echoes(self, series: Series) -> None:
        """Remove the echoes, half of a work folder; what needs them reads the images again."""
        folder = self._settings.work_dir / TOP / node_name(series.key) / "stages" / "reading"
        for name in ("magnitude", "phase"):
            for path in folder.glob(f"{name}-*.npy"):
                path.unlink(missing_ok=True)

    def settle(self, inner: str, state: State, start: float, trouble: str) -> None:
        """Tell how a series went whose plugin has not told."""
        made = outputs(state.series, self._settings)
        crash = take_crash(self._settings.output_dir / "logs", f"{TOP}.{inner}.", start)
        if crash is not None:
            self.fail(state, stage_label(crash.stage), sentence(crash.text), crash.text)
        elif all(path.exists() and path.stat().st_mtime >= start - 1 for path in made):
            self.finish(state)
        elif trouble and not self._settings.stop_on_first_crash:
            self.fail(state, "run", f"the run broke off: {sentence(trouble)}", trouble)
        else:
            self.fail(state, "run", _GIVEN_UP, "")

    def report_failed(self, participant: str, text: str) -> None:
        """Count a page that could not be written as a failure of the participant's first series."""
        own = [s for s in self.states.values() if s.series.participant == participant]
        if all(state.failure is None for state in own):
            message = f"sub-{participant}: the report could not be written: {sentence(text)}"
            self.fail(own[0], LABELS["report"], message, text)

    def complete_report(self, participant: str, keys: Sequence[str], start: float) -> None:
        """Write a report that the graph has not come to, or that misses a late failure."""
        folder = records.log_dir(self._settings, participant)
        errors = [folder / f"{key}_error.json" for key in keys]
        latest = max((path.stat().st_mtime for path in errors if path.is_file()), default=start)
        page = self._settings.output_dir / f"sub-{participant}.html"
        if page.is_file() and page.stat().st_mtime >= latest:
            return
        try:
            write_report(Path(self._settings.output_dir), participant)
        except Exception as error:  # one page must not keep the others from being made
            self.report_failed(participant, f"{type(error).__name__}: {error}")

    def clean(self, participant: str) -> None:
        """Remove the intermediate files of a participant's series that are done."""
        if not self._settings.clean_workdir:
            return
        for inner, state in self.states.items():
            if state.series.participant == participant and state.ended and not state.failure:
                shutil.rmtree(self._settings.work_dir / TOP / inner, ignore_errors=True)

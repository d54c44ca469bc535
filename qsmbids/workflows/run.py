"""Running the workflows of many series."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from nipype import config
from nipype import logging as nipype_logging
from nipype.pipeline import plugins
from nipype.pipeline.engine import Workflow

from qsmbids.bids import Series
from qsmbids.errors import InputError, UsageError
from qsmbids.files import own_folder, remove_parts
from qsmbids.interfaces.reporting import write_report
from qsmbids.settings import Settings
from qsmbids.workflows import plan, records
from qsmbids.workflows.crashes import sentence, take_crash
from qsmbids.workflows.participants import TOP, init_run_wf
from qsmbids.workflows.plugin import QsmbidsPlugin
from qsmbids.workflows.signatures import Signer, signer
from qsmbids.workflows.workers import Workers, quieten

_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_GIVEN_UP = "the run was stopped before the series was done"


_Groups = Mapping[str, Sequence[tuple[Series, int]]]  # with the voxels of one volume


class Listener(Protocol):
    """Who is told how the run goes."""

    def stage_started(self, series: str, stage: str) -> None:
        """A stage of a series has begun."""

    def stage_ended(self, series: str, stage: str) -> None:
        """It has ended, one way or the other."""

    def series_ended(self, series: Series, failure: str | None) -> None:
        """A series is done, or has failed for a reason."""


@dataclass
class _State:
    """Where a series stands."""

    series: Series
    unwritten: set[str] = field(default_factory=set)
    failure: str | None = None
    ended: bool = False


class Runner:
    """Runs batches of participants, one after the other, in the same worker processes.

    Parameters
    ----------
    settings : Settings
        With ``omp_nthreads`` settled.
    listener : Listener
        Is told of every stage and series.
    """

    def __init__(self, settings: Settings, listener: Listener):
        self._settings, self._listener = settings, listener
        self._states: dict[str, _State] = {}
        self._signer: Signer
        _demand_plugin(settings)
        own_folder(settings.work_dir / TOP)
        _configure(settings)
        # The sums of a threaded BLAS depend on the number of threads in the last digit, and a run
        # that is resumed with other threads must give the same bytes. FFTs do not depend on it.
        os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))
        # Threads of a network that spin while they wait make it ten times slower on a busy machine.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self._workers = Workers(settings.nprocs, verbose=settings.verbose > 1)
        if settings.plugin is None:
            self._workers.warm_up()

    def close(self, kill: bool = False) -> None:
        """End the workers."""
        self._workers.close(kill)

    def run(self, groups: _Groups) -> None:
        """Process several participants; whatever fails is reported, nothing is raised.

        Combinations of head orientations come after the series that they are made of.

        Raises
        ------
        KeyboardInterrupt
            If the user stops the run.
        """
        with signer() as self._signer:
            self._run_batch(groups)

    def _run_batch(self, groups: _Groups) -> None:
        start = time.time()
        self._states = {}
        single, several = (
            {
                p: [m for m in members if bool(m[0].orientations) is combined]
                for p, members in groups.items()
            }
            for combined in (False, True)
        )
        later = {participant for participant, members in several.items() if members}
        self._run(single, start, unreported=later)
        ready = {p: self._ready(several[p]) for p in sorted(later)}
        if any(ready.values()):
            self._run(ready, start)
        for participant, members in groups.items():
            self._complete_report(participant, [s.key for s, _ in members], start)
            self._clean(participant)

    def _run(self, groups: _Groups, start: float, unreported: Container[str] = ()) -> None:
        there = {p: [m for m in members if self._open(m[0])] for p, members in groups.items()}
        top = init_run_wf(there, self._settings, unreported)
        for name in top.list_node_names():
            inner, _, node = name.rpartition(".")
            if node.startswith("write_"):
                self._states[inner].unwritten.add(node)
        trouble = self._execute(top)
        for inner, state in self._states.items():
            if not state.ended:
                self._settle(inner, state, start, trouble)

    def _open(self, series: Series) -> bool:
        """Begin with a series; tell whether its images are still there."""
        remove_parts(self._settings.output_dir / f"sub-{series.participant}")
        remove_parts(self._settings.work_dir / TOP / plan.node_name(series.key))
        state = self._states[plan.node_name(series.key)] = _State(series)
        try:
            self._signer.begin(series.images)
        except OSError as error:
            reason = f"{Path(error.filename).name} was there when the run began, and is gone"
            self._fail(state, plan.LABELS["reading"], f"{reason}; put it back, or run again.", "")
        return not state.ended

    def _ready(self, several: Sequence[tuple[Series, int]]) -> list[tuple[Series, int]]:
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
            state = self._states[plan.node_name(series.key)] = _State(series)
            reason = f"{series.key}: of the head orientations {', '.join(gone)} failed"
            self._fail(state, plan.LABELS["alignment"], f"{reason}; two or more are needed.", "")
        return ready

    def _has_failed(self, series: Series) -> bool:
        state = self._states.get(plan.node_name(series.key))  # none: it could not even begin
        return state is None or bool(state.failure)

    def _execute(self, top: Workflow) -> str:
        """Run the graph and return what its plugin complains of."""
        plugin = self._settings.plugin
        try:
            if plugin is not None:
                arguments = {**plugin["plugin_args"], "status_callback": self._on_status}
                top.run(plugin=plugin["plugin"], plugin_args=arguments)
            else:
                resources = {
                    "n_procs": self._settings.nprocs,
                    "memory_gb": self._settings.mem_gb,
                    "status_callback": self._on_status,
                }
                top.run(plugin=QsmbidsPlugin(self._workers, self._on_crash, resources))
        except Exception as error:  # the failures themselves are known already
            return f"{type(error).__name__}: {error}"
        return ""

    def _on_status(self, node: Any, status: str) -> None:
        inner, stage = _place(node)
        state = self._states.get(inner)
        label = plan.stage_label(stage)
        who = state.series.key if state else node.inputs.key
        if status == "start":
            self._listener.stage_started(who, label)
            return
        self._listener.stage_ended(who, label)
        # Other plugins say "end" of nodes that never ran: they are judged by their files.
        if self._settings.plugin is not None or status != "end":
            return
        if state is None:
            self._clean(node.inputs.participant)
            return
        state.unwritten.discard(stage)
        if not state.unwritten and not state.failure:
            self._finish(state)

    def _on_crash(self, node: Any, message: str, text: str) -> None:
        """A node has failed: say so, once a series."""
        inner, stage = _place(node)
        state = self._states.get(inner)
        label = plan.stage_label(stage)
        if state is None:
            self._report_failed(node.inputs.participant, text)
        elif state.failure is None:
            self._fail(state, label, message, text)

    def _report_failed(self, participant: str, text: str) -> None:
        """Count a page that could not be written as a failure of the participant's first series."""
        own = [s for s in self._states.values() if s.series.participant == participant]
        if all(state.failure is None for state in own):
            message = f"sub-{participant}: the report could not be written: {sentence(text)}"
            self._fail(own[0], plan.LABELS["report"], message, text)

    def _fail(self, state: _State, stage: str, message: str, text: str) -> None:
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

    def _finish(self, state: _State) -> None:
        state.ended = True
        try:
            signed = self._signer.finish(state.series.images)
            records.write(state.series, self._settings, signed)
        except InputError as error:
            self._fail(state, plan.LABELS["reading"], str(error), "")
            return
        except OSError as error:
            self._fail(state, "record", sentence(f"OSError: {error}"), "")
            return
        self._listener.series_ended(state.series, None)

    def _clean(self, participant: str) -> None:
        """Remove the intermediate files of a participant's series that are done."""
        if not self._settings.clean_workdir:
            return
        for inner, state in self._states.items():
            if state.series.participant == participant and state.ended and not state.failure:
                shutil.rmtree(self._settings.work_dir / TOP / inner, ignore_errors=True)

    def _settle(self, inner: str, state: _State, start: float, trouble: str) -> None:
        """Tell how a series went whose plugin has not told."""
        made = plan.outputs(state.series, self._settings)
        crash = take_crash(self._settings.output_dir / "logs", f"{TOP}.{inner}.", start)
        if crash is not None:
            self._fail(state, plan.stage_label(crash.stage), sentence(crash.text), crash.text)
        elif all(path.is_file() and path.stat().st_mtime >= start - 1 for path in made):
            self._finish(state)
        elif trouble and not self._settings.stop_on_first_crash:
            self._fail(state, "run", f"the run broke off: {sentence(trouble)}", trouble)
        else:
            self._fail(state, "run", _GIVEN_UP, "")

    def _complete_report(self, participant: str, keys: Sequence[str], start: float) -> None:
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
            self._report_failed(participant, f"{type(error).__name__}: {error}")


def _place(node: Any) -> tuple[str, str]:
    """Return the name of a node's series, and the node's own."""
    return node.fullname.split(".")[1], node.name


def _demand_plugin(settings: Settings) -> None:
    name = settings.plugin["plugin"] if settings.plugin else None
    if name and not hasattr(plugins, f"{name}Plugin"):
        known = sorted(one[:-6] for one in dir(plugins) if one.endswith("Plugin"))
        raise UsageError(f"--use-plugin: Nipype has no plugin {name}; it has: {', '.join(known)}.")


def _configure(settings: Settings) -> None:
    """Set Nipype's options for this process and, through the nodes, for the workers."""
    crashes = settings.output_dir / "logs"
    execution = {
        "hash_method": "content",
        "poll_sleep_duration": "0.05",
        "create_report": "false",
        "remove_unnecessary_outputs": "false",
        "check_version": "false",
        "crashdump_dir": str(crashes),
        "crashfile_format": "txt",
        "stop_on_first_crash": str(settings.stop_on_first_crash).lower(),
    }
    config.set_default_config()  # not what a nipype.cfg that lies about says
    config.update_config({"execution": execution})
    if settings.verbose < 2:
        quieten(nipype_logging)

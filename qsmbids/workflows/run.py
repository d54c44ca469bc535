"""Running the workflows of many series."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Container, Mapping, Sequence
from typing import Any

from nipype import config
from nipype import logging as nipype_logging
from nipype.pipeline import plugins
from nipype.pipeline.engine import Workflow

from qsmbids.bids import Series
from qsmbids.errors import UsageError
from qsmbids.files import own_folder
from qsmbids.settings import Settings
from qsmbids.workflows import stage_names
from qsmbids.workflows.outcomes import Listener, Outcomes
from qsmbids.workflows.participants import TOP, init_run_wf
from qsmbids.workflows.plugin import QsmbidsPlugin
from qsmbids.workflows.signatures import signer
from qsmbids.workflows.workers import Workers, quieten

_Groups = Mapping[str, Sequence[tuple[Series, int]]]  # with the voxels of one volume


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
        self._outcomes: Outcomes
        _demand_plugin(settings)
        # Nipype's plugins for clusters end with a KeyError where no login has set it.
        os.environ.setdefault("LOGNAME", os.environ.get("USER") or str(os.getuid()))
        own_folder(settings.work_dir / TOP)
        _configure(settings)
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
        with signer() as own:
            self._outcomes = Outcomes(self._settings, self._listener, own)
            self._run_batch(groups)
        gc.collect()  # Nipype's graphs hold themselves, and would be kept for many batches

    def _run_batch(self, groups: _Groups) -> None:
        start = time.time()
        single = {p: [m for m in own if not m[0].orientations] for p, own in groups.items()}
        several = {p: [m for m in own if m[0].orientations] for p, own in groups.items()}
        later = {participant for participant, members in several.items() if members}
        self._run(single, start, unreported=later)
        left = {p: self._outcomes.left_to_combine(several[p]) for p in sorted(later)}
        if any(left.values()):
            self._run(left, start)
        for participant, members in groups.items():
            self._outcomes.complete_report(participant, [s.key for s, _ in members], start)
            self._outcomes.clean(participant)

    def _run(self, groups: _Groups, start: float, unreported: Container[str] = ()) -> None:
        there = {
            p: [m for m in members if self._outcomes.begin(m[0])] for p, members in groups.items()
        }
        top = init_run_wf(there, self._settings, unreported)
        for name in top.list_node_names():
            inner, _, node = name.rpartition(".")
            if node.startswith("write_"):
                self._outcomes.states[inner].unwritten.add(node)
        trouble = self._execute(top)
        for inner, state in self._outcomes.states.items():
            if not state.ended:
                self._outcomes.settle(inner, state, start, trouble)

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
        state = self._outcomes.states.get(inner)
        label = stage_names.stage_label(stage)
        who = state.series.key if state else node.inputs.key
        if status == "start":
            self._listener.stage_started(who, label)
            return
        self._listener.stage_ended(who, label)
        # Other plugins say "end" of nodes that never ran: they are judged by their files.
        if self._settings.plugin is not None or status != "end":
            return
        if state is None:
            self._outcomes.clean(node.inputs.participant)
            return
        state.unwritten.discard(stage)
        if not state.unwritten and not state.failure:
            self._outcomes.finish(state)

    def _on_crash(self, node: Any, message: str, text: str) -> None:
        """A node has failed: say so, once a series."""
        inner, stage = _place(node)
        state = self._outcomes.states.get(inner)
        label = stage_names.stage_label(stage)
        if state is None:
            self._outcomes.report_failed(node.inputs.participant, text)
        elif state.failure is None:
            self._outcomes.fail(state, label, message, text)


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

"""The plugin that runs a graph in workers, and outlives them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from nipype.pipeline.plugins.multiproc import MultiProcPlugin

from qsmbids.interfaces.reporting import ParticipantReport
from qsmbids.workflows.crashes import sentence
from qsmbids.workflows.workers import Workers

OnCrash = Callable[[Any, str, str], None]


class QsmbidsPlugin(MultiProcPlugin):
    """Nipype's MultiProc with workers that may be killed.

    Four things differ. A node whose process is killed fails, with a message, where MultiProc
    waits for ever. A failure leaves through ``on_crash`` as one sentence and a full text. What
    depends on a failed node is given up, except for the participants' reports, which must show
    the failure. Nodes that use a graphics processor take turns: all compute on the first one, whose
    memory is no part of the plan.

    Parameters
    ----------
    workers : Workers
        They stay alive from graph to graph.
    on_crash : callable
        Takes the node, the sentence and the text.
    plugin_args : dict
        As for MultiProc: ``n_procs``, ``memory_gb``, ``status_callback``.
    """

    def __init__(self, workers: Workers, on_crash: OnCrash, plugin_args: dict[str, Any]):
        super().__init__(plugin_args={"raise_insufficient": False, **plugin_args})
        self.n_gpu_procs = 1 if self.n_gpus_visible else self.processors
        self.pool.shutdown()
        self._workers = workers
        self._on_crash = on_crash

    def run(self, graph: Any, config: Any, updatehash: bool = False) -> None:
        """Run a graph."""
        # MultiProc collects garbage before each submission, 0.1 s among the objects of all that
        # is imported and half of the time of a run of small images: those need no look.
        gc.freeze()
        try:
            super().run(graph, config, updatehash=updatehash)
        finally:
            gc.unfreeze()

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        self._workers.submit(self._taskid, node, updatehash)
        return int(self._taskid)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        return self._workers.result(taskid)

    def _clear_task(self, taskid: int) -> None:
        """Nothing is kept of a task."""

    def _postrun_check(self) -> None:
        """The workers stay for the next graph."""

    def _report_crash(self, node: Any, result: Any = None) -> str:
        text = "".join((result or {}).get("traceback") or [])
        self._on_crash(node, sentence(text), text)
        return ""

    def _remove_node_deps(self, jobid: int, crashfile: str, graph: Any) -> Any:
        removed = super()._remove_node_deps(jobid, crashfile, graph)
        for node in removed["dependents"]:
            index = self.procs.index(node)
            self.depidx[index, :] = 0
            if isinstance(node.interface, ParticipantReport) and index != jobid:
                self.proc_done[index] = False
        return removed

"""Worker processes of which each may die without taking the others along."""

from __future__ import annotations

import gc
import multiprocessing as mp
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from qsmbids.bids.participants import bare
from qsmbids.freed_memory import keep_freed_memory
from qsmbids.settings import Settings
from qsmbids.workflows.ending import raise_if_asked

# What every worker needs; the server that workers are forked from imports it once.
_PRELOAD = [
    "qsmbids.workflows.quick_imports",
    "qsmbids.cli.main",
    "nipype.pipeline.engine",
    "scipy.fft",
    "scipy.ndimage",
    "nibabel",
    "qsmbids.interfaces.derivatives",
    "qsmbids.interfaces.brain_mask",
    "qsmbids.interfaces.fields",
    "qsmbids.interfaces.read_series",
    "qsmbids.interfaces.susceptibility",
]
# What later stages need and takes seconds: a worker imports it while it has nothing else to do.
_WHEN_IDLE = [
    "qsmbids.phase.total_field",
    "qsmbids.masking.brain_network",
    "qsmbids.inference.predict_brain",
    "qsmbids.inference.predict",
    "qsmbids.inference.predict_uncertainty",
    "qsmbids.inversion.network_tv",
    "qsmbids.reports.checks.measure",
    "qsmbids.reports.echo_pictures",
    "qsmbids.reports.page",
]
_WARM = 2
"""Processes that start before there is work: one for the first stage, one that imports."""

_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def set_environment() -> None:
    """Set what this process and all that it starts should find, before NumPy and Nipype do."""
    # The sums of a threaded BLAS depend on the number of threads in the last digit, and a run
    # that is resumed with other threads must give the same bytes. FFTs do not depend on it.
    os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))
    # Threads of a network that spin while they wait make it ten times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The system looks for huge pages longer than they save: a twentieth of the field's time.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    os.environ["NIPYPE_NO_ET"] = "1"  # it would ask the network for a newer version


def start_early(settings: Settings) -> None:
    """Start the server if nobody whom a run is for has been processed before.

    Then there is work, and the server imports while the dataset is looked through.
    """
    labels = [bare(label, "sub-") for label in settings.participants] or ["*"]
    logs = settings.output_dir / "logs"
    known = any(path for label in labels for path in logs.glob(f"sub-{label}/*_done.json"))
    if settings.mode == "run" and settings.plugin is None and not known:
        start_server()


def start_server() -> None:
    """Start the process that workers are forked from, unless it runs; it imports for a while."""
    set_environment()
    _context()
    forkserver.ensure_running()


def _context() -> Any:
    """Return what makes workers: never a fork of this process, whose threads may hold locks."""
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    task: int | None = None


class Workers:
    """A pool that knows which task each of its processes works on.

    ``ProcessPoolExecutor`` gives up all tasks when one process is killed, and does not tell
    which task it was; here the others go on.

    Parameters
    ----------
    count : int
        The most processes at a time; they start when they are needed.
    """

    def __init__(self, count: int, verbose: bool = False):
        self._context = _context()
        self._count = count
        self._verbose = verbose
        self._workers: list[_Worker] = []
        self._waiting: list[tuple[int, Any]] = []
        self._results: dict[int, dict[str, Any]] = {}

    def warm_up(self) -> None:
        """Start processes, so that imports run while the caller prepares its work."""
        for number in range(min(self._count, _WARM)):
            self._workers.append(self._start(spare=number > 0))

    def submit(self, task: int, node: Any, updatehash: bool) -> None:
        """Run a node as soon as a process is free."""
        self._waiting.append((task, (node, updatehash)))
        self._feed()

    def result(self, task: int) -> dict[str, Any] | None:
        """Return a task's result once it has ended; a killed one has a traceback that says so.

        Raises
        ------
        KeyboardInterrupt
            If the process has been asked to end.
        """
        raise_if_asked()
        self._collect()
        return self._results.pop(task, None)

    def close(self, kill: bool = False) -> None:
        """End all processes; at once if ``kill``."""
        for worker in self._workers:
            if kill:
                worker.process.kill()
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()

    def _feed(self) -> None:
        while self._waiting:
            free = next((worker for worker in self._workers if worker.task is None), None)
            if free is None and len(self._workers) < self._count:
                free = self._start()
                self._workers.append(free)
            if free is None:
                return
            task, work = self._waiting.pop(0)
            free.task = task
            try:
                free.pipe.send(work)
            except OSError:  # it died while idle: `_collect` sees it and tells
                return

    def _collect(self) -> None:
        for pipe in wait([worker.pipe for worker in self._workers], timeout=0):
            worker = next(worker for worker in self._workers if worker.pipe is pipe)
            self._workers.remove(worker)
            try:
                result = worker.pipe.recv()
                self._workers.append(worker)  # last: who has been idle for longest is next
            except (EOFError, OSError):
                result = _bury(worker)
            if worker.task is not None:
                self._results[worker.task] = result
            worker.task = None
        self._feed()

    def _start(self, spare: bool = False) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, Path.cwd(), self._verbose, spare), daemon=False
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)


KILLED = (
    "InputError: its process was killed ({how}), probably because memory ran out; lower --nprocs "
    "or give more memory with --mem."
)


def _bury(worker: _Worker) -> dict[str, Any]:
    """Return what a task comes to whose process has died."""
    worker.process.join()
    worker.pipe.close()
    code = worker.process.exitcode
    how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return {"result": None, "traceback": [KILLED.format(how=how)]}


def _serve(pipe: Connection, folder: Path, verbose: bool, spare: bool) -> None:
    """Run nodes until the parent closes the pipe or is gone; a spare one imports first."""
    from nipype import config
    from nipype import logging as nipype_logging

    from qsmbids.workflows import quick_imports

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)
    config.set_default_config()  # the nodes bring the run's own
    if not verbose:
        quieten(nipype_logging)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_freed_memory()
    gc.set_threshold(*quick_imports.OFTEN)
    later = list(_WHEN_IDLE)
    while True:
        gc.disable()  # it would look at all that is imported, for a fifth of the time
        while spare and later and not pipe.poll():
            with suppress(Exception):  # who needs it will say so
                import_module(later.pop(0))
        gc.enable()
        spare = True
        try:
            node, updatehash = pipe.recv()
        except EOFError:
            return
        trouble = None
        try:
            node.run(updatehash=updatehash)
        except BaseException:  # whatever it is, the process goes on
            trouble = [traceback.format_exc()]
        pipe.send({"result": None, "traceback": trouble})


def _end_with_parent() -> None:
    """End this process when the parent is killed, in the middle of its work if need be."""
    parent = mp.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def quieten(nipype_logging: Any, names: Sequence[str] = ("workflow", "interface", "utils")) -> None:
    """Keep Nipype's own log to itself: what users need to know is said elsewhere."""
    for name in names:
        nipype_logging.getLogger(f"nipype.{name}").setLevel("CRITICAL")

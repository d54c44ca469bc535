"""Workers that die, and what the plugin makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nipype import config
from nipype.interfaces.utility import Function
from nipype.pipeline.engine import Node, Workflow

from qsmbids.workflows.crashes import sentence
from qsmbids.workflows.plugin import QsmbidsPlugin
from qsmbids.workflows.workers import Workers

KILL = "def run(value):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n"
EXIT = "def run(value):\n    import os\n    os._exit(3)\n"
FAIL = "def run(value):\n    raise ValueError('the value is wrong')\n"
WORK = "def run(value):\n    import time\n    time.sleep(0.3)\n    return value + 1\n"


def _node(name: str, source: str, **kwargs: Any) -> Node:
    interface = Function(input_names=["value"], output_names=["value"])
    interface.inputs.function_str = source
    interface.inputs.value = 1
    return Node(interface, name=name, **kwargs)


@pytest.fixture(scope="module")
def workers() -> Any:
    pool = Workers(2)
    yield pool
    pool.close()


def _run(workflow: Workflow, workers: Workers) -> tuple[dict[str, str], list[str]]:
    """Run a workflow; return the sentences of what failed and the names of what ended."""
    config.update_config({"execution": {"poll_sleep_duration": "0.02", "create_report": "false"}})
    crashes: dict[str, str] = {}
    ended: list[str] = []

    def on_crash(node: Any, message: str, text: str) -> None:
        crashes[node.name] = message

    def on_status(node: Any, status: str) -> None:
        if status == "end":
            ended.append(node.name)

    resources = {"n_procs": 2, "memory_gb": 4, "status_callback": on_status}
    plugin = QsmbidsPlugin(workers, on_crash, resources)
    if any(node.name.startswith("bad") for node in workflow._graph.nodes()):
        with pytest.raises(RuntimeError):
            workflow.run(plugin=plugin)
    else:
        workflow.run(plugin=plugin)
    return crashes, sorted(ended)


@pytest.mark.parametrize(("source", "how"), [(KILL, "SIGKILL"), (EXIT, "exit code 3")])
def test_a_killed_worker_fails_its_node_alone(
    tmp_path: Path, workers: Workers, source: str, how: str
) -> None:
    workflow = Workflow("w", base_dir=str(tmp_path))
    workflow.connect(_node("bad", source), "value", _node("after_bad", WORK), "value")
    good = [_node(f"good{number}", WORK) for number in range(3)]
    workflow.add_nodes(good)
    workflow.connect(good[0], "value", _node("after_good", WORK), "value")
    crashes, ended = _run(workflow, workers)
    assert list(crashes) == ["bad"]
    assert how in crashes["bad"]
    assert "--mem" in crashes["bad"]
    assert ended == ["after_good", "good0", "good1", "good2"]


def test_workers_serve_graph_after_graph(tmp_path: Path, workers: Workers) -> None:
    for number in range(2):
        workflow = Workflow(f"w{number}", base_dir=str(tmp_path))
        workflow.add_nodes([_node("only", WORK)])
        assert _run(workflow, workers) == ({}, ["only"])


def test_an_error_becomes_its_sentence(tmp_path: Path, workers: Workers) -> None:
    workflow = Workflow("w", base_dir=str(tmp_path))
    workflow.add_nodes([_node("bad", FAIL)])
    crashes, _ = _run(workflow, workers)
    assert crashes == {"bad": "an unforeseen ValueError: the value is wrong"}


def test_the_sentence_is_the_last_error() -> None:
    text = "ValueError: first\n\nTraceback:\n\tqsmbids.errors.InputError: sub-01: no echo.\n"
    assert sentence(text) == "sub-01: no echo."
    assert sentence("") == "no reason was given"


ALONE = """def run(value, use_gpu):
    import os, time
    held = os.path.join(value, "held")
    os.close(os.open(held, os.O_CREAT | os.O_EXCL))
    time.sleep(0.3)
    os.remove(held)
    return 0
"""
TOGETHER = """def run(value, use_gpu):
    import os, time
    open(os.path.join(value, str(os.getpid())), "w").close()
    end = time.monotonic() + 30
    while len(os.listdir(value)) < 2:
        assert time.monotonic() < end, "the other one was not started"
        time.sleep(0.02)
    return 0
"""


@pytest.mark.parametrize(("count", "source"), [(1, ALONE), (2, ALONE), (0, TOGETHER)])
def test_nodes_on_a_graphics_processor_take_turns(
    count: int, source: str, workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nipype.pipeline.plugins.multiproc.gpu_count", lambda: count)
    shared = tmp_path / "shared"
    shared.mkdir()
    workflow = Workflow("turns", base_dir=str(tmp_path))
    for name in ("one", "two"):
        interface = Function(input_names=["value", "use_gpu"], output_names=["value"])
        interface.inputs.trait_set(function_str=source, value=str(shared), use_gpu=True)
        workflow.add_nodes([Node(interface, name=name)])
    assert _run(workflow, workers) == ({}, ["one", "two"])

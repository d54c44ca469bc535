"""The node of a stage: results of an earlier run are used only if they are still whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nipype.interfaces.base import Interface
from nipype.pipeline.engine import Node
from nipype.pipeline.engine.utils import load_resultfile

from qsmbids.interfaces import arrays
from qsmbids.workflows.resources import stage_memory


class StageNode(Node):
    """A node that is run anew if an array that it made is missing or damaged."""

    def is_cached(self, rm_outdated: bool = False) -> tuple[bool, bool]:
        """Tell whether the stage has been run, and whether its results are of these inputs."""
        cached, updated = super().is_cached(rm_outdated=rm_outdated)
        if cached and updated and not self.interface.always_run and not self._is_whole():
            for path in Path(self.output_dir()).glob("_0x*.json"):
                path.unlink(missing_ok=True)
            return False, False
        return cached, updated

    def _is_whole(self) -> bool:
        try:
            result = load_resultfile(Path(self.output_dir()) / f"result_{self.name}.pklz")
            for path in _arrays(result.outputs.get()):
                arrays.load(path)
        except Exception:  # a damaged pickle raises anything
            return False
        return True


def stage_node(
    interface: Interface,
    name: str,
    inputs: dict[str, Any],
    *,
    voxels: int,
    echoes: int = 1,
    threads: int = 1,
) -> StageNode:
    """Return the node of a stage, with the memory that it takes and what it is given.

    Parameters
    ----------
    interface : Interface
        The stage.
    name : str
        The node's name, which begins with the stage's: ``inversion_tv``.
    inputs : dict
        What is known already, with ``key``.
    voxels, echoes : int
        Voxels of one volume, and how many volumes the stage holds.
    threads : int
        On how many it computes.
    """
    memory = stage_memory(type(interface).__name__, voxels, echoes, inputs.get("method"))
    # One processor fewer than threads: what needs one and is short (writing, pictures) then runs
    # beside a long stage, not before the next one.
    node = StageNode(interface, name=name, n_procs=max(threads - 1, 1), mem_gb=memory)
    node.inputs.trait_set(num_threads=max(threads, 1), **inputs)
    return node


def _arrays(outputs: dict[str, Any]) -> Iterator[str]:
    """Give the paths of saved arrays among a stage's outputs."""
    for value in outputs.values():
        if isinstance(value, str) and value.endswith(".npy"):
            yield value

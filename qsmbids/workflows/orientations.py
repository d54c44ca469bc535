"""The workflow of one head in several orientations."""

from __future__ import annotations

from typing import Any

from nipype.pipeline.engine import Workflow

from qsmbids.bids import Series, desc_label
from qsmbids.interfaces.derivatives import WriteDerivatives
from qsmbids.interfaces.orientations import Align
from qsmbids.interfaces.outputs import note_path
from qsmbids.interfaces.susceptibility import Combine
from qsmbids.settings import Settings
from qsmbids.workflows.node import stage_node
from qsmbids.workflows.plan import shows_registration
from qsmbids.workflows.stage_names import node_name


def init_orientations_wf(series: Series, settings: Settings, *, voxels: int) -> Workflow:
    """Build the workflow that makes one map of the local fields of several orientations.

    Parameters
    ----------
    series : Series
        With ``orientations``, each of which has been processed.
    settings : Settings
        How, and in ``combinations`` by which methods.
    voxels : int
        Voxels of one volume, from which the memory of each stage is told.

    Returns
    -------
    Workflow
        Without inputs. Its writing nodes are named ``write_*``.
    """
    workflow = Workflow(name=node_name(series.key))
    size = {"voxels": voxels, "echoes": len(series.orientations)}
    notes = [str(note_path(settings.work_dir, one)) for one in series.orientations]
    align = stage_node(Align(), "alignment", {"key": series.key, "notes": notes}, **size)
    writing = {"key": series.key, "series": series, "output_dir": str(settings.output_dir)}
    for method in settings.combinations:
        label = desc_label(method)
        inputs: dict[str, Any] = {
            "key": series.key,
            "method": method,
            "options": dict(settings.options.get(method, {})),
        }
        threads = settings.omp_nthreads
        combine = stage_node(Combine(), f"inversion_{label}", inputs, threads=threads, **size)
        inputs = {**writing, "method": method}
        write = stage_node(WriteDerivatives(), f"write_chi_{label}", inputs, voxels=voxels)
        shared = [(name, name) for name in ("fields", "masks", "weights", "b0_dir", "grid")]
        workflow.connect(
            [
                (align, combine, shared),
                (align, write, [("grid", "grid"), ("stage", "reading")]),
                (combine, write, [("chi", "chi"), ("stage", "inversion")]),
            ]
        )
    if shows_registration(series):
        show = stage_node(WriteDerivatives(), "write_registration", writing, voxels=voxels)
        links = [("grid", "grid"), ("stage", "reading"), ("checkerboard", "registration")]
        workflow.connect([(align, show, links)])
    return workflow

"""The workflow of one head in several orientations."""

from __future__ import annotations

from nipype.pipeline.engine import Workflow

from qsmbids.bids import Series, desc_label
from qsmbids.interfaces.derivatives import WriteDerivatives
from qsmbids.interfaces.orientations import Align, Combine
from qsmbids.interfaces.targets import note_path
from qsmbids.settings import Settings
from qsmbids.workflows.node import StageNode
from qsmbids.workflows.plan import node_name, shows_registration, stage_memory


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
    count = len(series.orientations)
    align = StageNode(Align(), name="alignment", mem_gb=stage_memory("Align", voxels, count))
    align.inputs.key = series.key
    align.inputs.notes = [str(note_path(settings.work_dir, one)) for one in series.orientations]
    for method in settings.combinations:
        threads = max(settings.omp_nthreads, 1)
        memory = stage_memory("Combine", voxels, count)
        name = f"inversion_{desc_label(method)}"
        combine = StageNode(Combine(), name=name, n_procs=threads, mem_gb=memory)
        combine.inputs.trait_set(
            key=series.key,
            method=method,
            options=dict(settings.options.get(method, {})),
            num_threads=threads,
        )
        write = _writer(f"write_chi_{desc_label(method)}", series, settings, voxels)
        write.inputs.method = method
        shared = [(name, name) for name in ("fields", "masks", "weights", "b0_dir", "grid")]
        workflow.connect(
            [
                (align, combine, shared),
                (align, write, [("grid", "grid"), ("stage", "reading")]),
                (combine, write, [("chi", "chi"), ("stage", "inversion")]),
            ]
        )
    if shows_registration(series):
        show = _writer("write_registration", series, settings, voxels)
        links = [("grid", "grid"), ("stage", "reading"), ("checkerboard", "registration")]
        workflow.connect([(align, show, links)])
    return workflow


def _writer(name: str, series: Series, settings: Settings, voxels: int) -> StageNode:
    node = StageNode(
        WriteDerivatives(), name=name, mem_gb=stage_memory("WriteDerivatives", voxels, 1)
    )
    node.inputs.trait_set(key=series.key, series=series, output_dir=str(settings.output_dir))
    return node

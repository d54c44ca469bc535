"""The workflow of several participants."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from nipype.pipeline.engine import Node, Workflow

from qsmbids.bids import Series
from qsmbids.interfaces.reporting import ParticipantReport
from qsmbids.settings import Settings
from qsmbids.workflows.orientations import init_orientations_wf
from qsmbids.workflows.resources import stage_memory
from qsmbids.workflows.series import init_series_wf
from qsmbids.workflows.stage_names import node_name

_LEAST_GB = 0.5
TOP = "qsmbids"
"""The name of the workflow, and of its folder in the work directory."""


def init_run_wf(
    groups: Mapping[str, Sequence[tuple[Series, int]]],
    settings: Settings,
    unreported: Container[str] = (),
) -> Workflow:
    """Build the workflow of several participants.

    Parameters
    ----------
    groups : mapping of str to sequence of (Series, int)
        The series of each participant, each with the voxels of one of its volumes.
    settings : Settings
        How to process them.
    unreported : container of str
        Participants whose report has to wait for what comes after this workflow.

    Returns
    -------
    Workflow
        One inner workflow a series, or a set of head orientations, and one node a participant
        that writes the report.
    """
    top = Workflow(name=TOP, base_dir=str(settings.work_dir))
    for participant, members in groups.items():
        inner = [
            (init_orientations_wf if one.orientations else init_series_wf)(
                one, settings, voxels=voxels
            )
            for one, voxels in members
        ]
        top.add_nodes(inner)
        if participant in unreported:
            continue
        writers = [(wf, name) for wf in inner for name in writing_nodes(wf)]
        name = f"report_{node_name(f'sub-{participant}')}"
        largest = max((voxels for _, voxels in members), default=0)
        memory = max(_LEAST_GB, stage_memory("ParticipantReport", largest, 1))
        report = Node(ParticipantReport(len(writers)), name=name, mem_gb=memory)
        report.inputs.trait_set(
            key=f"sub-{participant}", participant=participant, output_dir=str(settings.output_dir)
        )
        for number, (wf, name) in enumerate(writers):
            top.connect(wf, f"{name}.written", report, f"after_{number}")
    return top


def writing_nodes(workflow: Workflow) -> list[str]:
    """Return the names of the nodes that write a series' images."""
    return [name for name in workflow.list_node_names() if name.startswith("write_")]

"""The part of a series' workflow that writes images as DICOM."""

from __future__ import annotations

from collections.abc import Mapping

from nipype.pipeline.engine import Node, Workflow

from qsmbids.bids import Series, desc_label
from qsmbids.interfaces.dicom import WriteDicom
from qsmbids.interfaces.outputs import OUTPUTS, chimap, dicom_folder
from qsmbids.settings import Settings
from qsmbids.workflows.beside import exports, template_of
from qsmbids.workflows.node import stage_node

_KINDS = {"swi": "SWI", "minimum": "MNIP"}


def add_export(
    workflow: Workflow,
    stages: Workflow,
    maps: Mapping[str, tuple[Node, str]],
    *,
    series: Series,
    settings: Settings,
    size: Mapping[str, int],
) -> None:
    """Add a node for each image that is written as DICOM.

    Parameters
    ----------
    workflow, stages, series, settings, size
        As in `qsmbids.workflows.separation.add_separation`.
    maps : mapping of str to (node, output)
        Where the map of each method comes from.
    """
    sources = {chimap(m): ("QSM", m, desc_label(m), source) for m, source in maps.items()}
    for name, kind in _KINDS.items():
        sources[OUTPUTS[name]] = kind, "local field", name, (stages, f"outputnode.{name}")
    for place, image in enumerate(exports(series, settings), 1):
        kind, method, label, source = sources[image]
        inputs = {
            "key": series.key,
            "template": str(template_of(series, settings)),
            "folder": str(dicom_folder(settings.output_dir, series, image)),
            "kind": kind,
            "method": method,
            "place": place,
        }
        node = stage_node(WriteDicom(), f"write_dicom_{label}", inputs, **size)
        workflow.connect(*source, node, "image")
        workflow.connect(stages, "outputnode.grid", node, "grid")

"""The part of a series' workflow that tells paramagnetic and diamagnetic sources apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nipype.pipeline.engine import Node, Workflow

from qsmbids.bids import Series, desc_label
from qsmbids.interfaces.contrast import Separation
from qsmbids.interfaces.derivatives import WriteDerivatives
from qsmbids.settings import Settings
from qsmbids.workflows.node import stage_node

_SIGNS = ("paramagnetic", "diamagnetic")


def add_separation(
    workflow: Workflow,
    stages: Workflow,
    chi: Mapping[str, tuple[Node, str]],
    told: Mapping[str, str],
    *,
    series: Series,
    settings: Settings,
    method: str,
    size: Mapping[str, int],
) -> None:
    """Add the separation of a method's map, and the node that writes both parts.

    Parameters
    ----------
    workflow, stages : Workflow
        That of the series, and its inner one of all stages.
    chi : mapping of str to (node, output)
        Where the map comes from, as ``chi``, and what is said of its zero, as ``reference``.
    told : mapping of str to str
        What the sidecars tell of the map: inputs of the writing node by fields of ``stages``.
    series, settings, method
        What is processed, how, and by which inversion.
    size : mapping
        ``voxels`` and ``echoes``, from which the memory of each node is told.
    """
    label, how = desc_label(method), settings.separation
    options = dict(settings.options.get(how, {}))
    inputs: dict[str, Any] = {
        "key": series.key,
        "field_strength": series.field_strength,
        "echo_times": list(series.echo_times),
        "method": how,
        "options": options,
    }
    separate = stage_node(Separation(), f"separation_{label}", inputs, **size)
    common = {"series": series, "output_dir": str(settings.output_dir), "method": method}
    name = f"write_parts_{label}"
    write = stage_node(WriteDerivatives(), name, {"key": series.key, **common}, **size)
    fields = {"r2star": "r2star", "mask": "eroded"}
    workflow.connect(*chi["chi"], separate, "chi")
    if "reference" in chi:
        workflow.connect(*chi["reference"], write, "reference")
    for node, links in ((separate, fields), (write, {**told, "decay": "decay"})):
        made = [(f"outputnode.{source}", trait) for trait, source in links.items()]
        workflow.connect([(stages, node, made)])
    parts = [(sign, sign) for sign in _SIGNS]
    workflow.connect([(separate, write, [*parts, ("stage", "separation")])])

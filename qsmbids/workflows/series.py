"""The workflow of one series of a dataset: all stages, and the writing of their outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nipype.interfaces.base import Interface
from nipype.pipeline.engine import Workflow

from qsmbids.bids import Series, desc_label
from qsmbids.interfaces.derivatives import WriteDerivatives
from qsmbids.interfaces.local_fields import NoteOrientation, StoreSubject
from qsmbids.interfaces.outputs import note_path, picture_paths, quality_path, subject_path
from qsmbids.interfaces.pictures import DrawEchoes
from qsmbids.interfaces.quality import MeasureQuality
from qsmbids.settings import Settings
from qsmbids.workflows.beside import makes_swi, separates
from qsmbids.workflows.dicom import add_export
from qsmbids.workflows.node import stage_node
from qsmbids.workflows.plan import gives_uncertainty, writes_local_field
from qsmbids.workflows.regions import Regions
from qsmbids.workflows.separation import add_separation
from qsmbids.workflows.stage_names import node_name
from qsmbids.workflows.stages import init_stages_wf, outputs_of

_LOCAL_FIELD = {"field": "local", "mask": "eroded", "weight": "weight", "grid": "grid"}


def init_series_wf(series: Series, settings: Settings, *, voxels: int) -> Workflow:
    """Build the workflow that takes one series to its derivatives.

    Raw data pass all stages; a total field starts at the removal of its background, a local
    field at the inversion.

    Parameters
    ----------
    series : Series
        What to process.
    settings : Settings
        How.
    voxels : int
        Voxels of one volume, from which the memory of each stage is told.

    Returns
    -------
    Workflow
        The workflow ``stages``, whose ``inputnode`` holds the files of ``series``, and nodes
        named ``write_*``. `qsmbids.workflows.qsm.init_qsm_wf` is the one for files of any origin.
    """
    workflow = Workflow(name=node_name(series.key))
    given = _inputs(series)
    size = {"voxels": voxels, "echoes": max(len(series.echo_times), 1)}
    stages = init_stages_wf(given, settings, key=series.key, decay=series.shows_decay, **size)
    stages.get_node("inputnode").inputs.trait_set(**given)

    def write(name: str, interface: Interface, links: dict[str, str], **inputs: Any) -> None:
        node = stage_node(interface, f"write_{name}", {"key": series.key, **inputs}, **size)
        fields = [(f"outputnode.{source}", trait) for trait, source in links.items()]
        workflow.connect([(stages, node, fields)])

    common = {"series": series, "output_dir": str(settings.output_dir)}
    for name, links in _derivatives(series, settings):
        write(name, WriteDerivatives(), {"grid": "grid", "reading": "reading", **links}, **common)
    regions = Regions(workflow, stages, series, settings, size)
    for method in settings.methods:
        links = {"grid": "grid", "reading": "reading", **_maps(method, series, settings)}
        name, chi = f"chi_{desc_label(method)}", regions.chi(method)
        write(name, WriteDerivatives(), links, method=method, **common)
        for trait, (node, field) in chi.items():
            workflow.connect(node, field, workflow.get_node(f"write_{name}"), trait)
        if separates(series, settings):
            add_separation(
                workflow,
                stages,
                chi,
                _telling(links),
                series=series,
                settings=settings,
                method=method,
                size=size,
            )
    maps = {method: regions.chi(method)["chi"] for method in settings.methods}
    add_export(workflow, stages, maps, series=series, settings=settings, size=size)
    regions.measure()
    regions.write_in_spaces()
    if series.start == "raw":
        links = _same("magnitude", "phase", "grid", "weight")
        links |= {"mask": "brain", "field": "total"}
        path = str(quality_path(settings.output_dir, series))
        write("quality", MeasureQuality(), links, path=path, given=series.mask is not None)
        links = _same("phase", "brain", "unwrapped", "noise", "residual", "grid")
        paths = {name: str(p) for name, p in picture_paths(settings.output_dir, series).items()}
        told = {"echo_times": list(series.echo_times), "difference": series.difference}
        write("pictures", DrawEchoes(), links, paths=paths, strength=series.field_strength, **told)
    if settings.subjects_dir is not None:
        more = {"reference": str(series.reference)} if series.reference is not None else {}
        path = str(subject_path(settings.subjects_dir, series))
        write("subject", StoreSubject(), _LOCAL_FIELD, path=path, **more)
    if settings.combinations:
        links = dict(_LOCAL_FIELD)
        if "magnitude" in outputs_of(stages):
            links["magnitude"] = "magnitude"
        path = str(note_path(settings.work_dir, series))
        write("orientation", NoteOrientation(), links, path=path)
    return workflow


def _inputs(series: Series) -> dict[str, Any]:
    """Return what `inputnode` holds of a series."""
    given: dict[str, Any] = {
        "magnitude": [str(path) for path in series.magnitude],
        "phase": [str(path) for path in series.phase],
        "real": [str(path) for path in series.real],
        "imaginary": [str(path) for path in series.imaginary],
        "volumes": list(series.volumes),
        "echo_times": list(series.echo_times),
        "difference": series.difference,
        "field_strength": series.field_strength,
        "phase_units": series.phase_units,
        "manufacturer": series.manufacturer,
        "field_units": series.field_units,
        "from_scanner": series.from_scanner,
        "b0_dir": list(series.b0_dir or ()),
        "mask": series.mask and str(series.mask),
        "mask_source": series.mask_source,
    }
    if series.field is not None:
        given[series.start.replace("-", "_")] = str(series.field)
        if series.start == "local-field":
            given["field_file"] = series.field.name
    return {name: value for name, value in given.items() if value}


def _derivatives(series: Series, settings: Settings) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the name of each node that writes, and what it takes: images, and what made them."""
    raw = series.start == "raw"
    before = ("masking", "mapping") if raw else ("masking",)
    yield "mask", _same("eroded" if series.start == "local-field" else "brain", "masking")
    if raw:
        yield "reliability", _same("reliable", *before)
        if settings.write_fields:
            yield "field", _same("total", "magnitude", *before)
    if series.shows_decay:
        yield "decay", _same("r2star", "t2star", "s0", "masking", "decay")
    if makes_swi(series, settings):
        yield "weighting", _same("swi", "minimum", *before, "background", "weighting")
    if series.start != "local-field":
        images = ["eroded"]
        if writes_local_field(series, settings):
            images += ["local"] if raw else ["local", "magnitude"]
        yield "background", _same(*images, *before, "background")


def _maps(method: str, series: Series, settings: Settings) -> dict[str, str]:
    """Return what the node that writes the map of a method takes besides the map."""
    label = desc_label(method)
    made = ["curves", "before"]
    if gives_uncertainty(method, settings):
        made.append("uncertainty")
    before = ["masking"]
    before += ["mapping"] if series.start == "raw" else []
    before += ["background"] if series.start != "local-field" else []
    return {
        **{name: f"{name}_{label}" for name in made},
        **_same(*before),
        "inversion": f"inversion_{label}",
    }


def _telling(links: dict[str, str]) -> dict[str, str]:
    """Return what of the links tells how a map was made, and is not the map itself."""
    return {trait: one for trait, one in links.items() if trait not in ("curves", "uncertainty")}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}

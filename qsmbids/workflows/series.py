"""The workflow of one series."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nipype.interfaces.base import Interface
from nipype.pipeline.engine import Workflow

from qsmbids.bids import Series, desc_label
from qsmbids.interfaces.derivatives import WriteDerivatives
from qsmbids.interfaces.fields import BrainMask, FieldMap, Relaxometry
from qsmbids.interfaces.orientations import NoteOrientation
from qsmbids.interfaces.quality import MeasureQuality
from qsmbids.interfaces.reading import LoadField, LoadSeries
from qsmbids.interfaces.subjects import StoreSubject
from qsmbids.interfaces.susceptibility import Background, Inversion
from qsmbids.interfaces.targets import note_path, quality_path, subject_path
from qsmbids.settings import Settings
from qsmbids.workflows.node import StageNode
from qsmbids.workflows.plan import (
    gives_uncertainty,
    node_name,
    stage_memory,
    writes_local_field,
)

# Stages whose time goes into decompression or Fourier transforms run on several threads.
_THREADED = (LoadSeries, Background, Inversion)


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
        Without inputs: the files stand in ``series``. Its writing nodes are named ``write_*``.
    """
    return _Builder(series, settings, voxels).build()


class _Builder:
    """Adds nodes and connects them; a node's name is its stage's."""

    def __init__(self, series: Series, settings: Settings, voxels: int):
        self.series, self.settings, self.voxels = series, settings, voxels
        self.workflow = Workflow(name=node_name(series.key))

    def build(self) -> Workflow:
        series = self.series
        if series.start == "raw":
            self._from_raw()
        else:
            self._from_field()
        if series.start != "local-field":
            self._remove_background()
        for method in self.settings.methods:
            self._invert(method)
        if self.settings.subjects_dir is not None:
            self._store(self.settings.subjects_dir)
        if self.settings.combinations:
            self._note()
        return self.workflow

    def _node(self, name: str, interface: Interface, inputs: Mapping[str, Any]) -> StageNode:
        threads = self.settings.omp_nthreads if isinstance(interface, _THREADED) else 1
        memory = stage_memory(
            type(interface).__name__,
            self.voxels,
            max(len(self.series.echo_times), 1),
            inputs.get("method"),
        )
        node = StageNode(interface, name=name, n_procs=max(threads, 1), mem_gb=memory)
        node.inputs.key = self.series.key
        node.inputs.trait_set(**inputs)
        self.workflow.add_nodes([node])
        return node

    def _link(self, target: str, **sources: str) -> None:
        """Connect inputs of ``target`` to outputs, each written as ``node.output``."""
        get = self.workflow.get_node
        for name, source in sources.items():
            node, output = source.split(".")
            self.workflow.connect(get(node), output, get(target), name)

    def _write(self, name: str, inputs: Mapping[str, Any], **sources: str) -> None:
        common = {"series": self.series, "output_dir": str(self.settings.output_dir)}
        self._node(f"write_{name}", WriteDerivatives(), {**common, **inputs})
        self._link(f"write_{name}", grid="reading.grid", reading="reading.stage", **sources)

    def _from_raw(self) -> None:
        series, settings = self.series, self.settings
        files = {
            part: [str(path) for path in getattr(series, part)]
            for part in ("magnitude", "phase", "real", "imaginary")
        }
        self._node(
            "reading",
            LoadSeries(),
            {
                **files,
                "images": [path for paths in files.values() for path in paths],
                "phase_units": series.phase_units,
                "manufacturer": series.manufacturer,
                "volumes": list(series.volumes),
                "difference": list(series.echo_times) if series.difference else [],
            },
        )
        self._find_mask()
        self._node(
            "mapping",
            FieldMap(),
            {
                "echo_times": list(series.echo_times),
                "difference": series.difference,
                "field_strength": series.field_strength,
                "fit": settings.fit,
                "unwrapping": settings.unwrapping,
                "sign": settings.phase_sign,
            },
        )
        self._link(
            "mapping", magnitude="reading.magnitude", phase="reading.phase", grid="reading.grid",
            mask="masking.mask",
        )  # fmt: skip
        self._write(
            "reliability", {}, reliable="mapping.reliable",
            masking="masking.stage", mapping="mapping.stage",
        )  # fmt: skip
        if settings.write_fields:
            self._write(
                "field", {}, total="mapping.field", magnitude="reading.magnitude",
                masking="masking.stage", mapping="mapping.stage",
            )  # fmt: skip
        self._measure()
        self._relax()

    def _measure(self) -> None:
        """What the page's checks need from the echoes."""
        path = quality_path(self.settings.output_dir, self.series)
        given = self.series.mask is not None
        self._node("write_quality", MeasureQuality(), {"path": str(path), "given": given})
        self._link(
            "write_quality",
            magnitude="reading.magnitude",
            phase="reading.phase",
            grid="reading.grid",
            mask="masking.mask",
            field="mapping.field",
            weight="mapping.weight",
        )

    def _relax(self) -> None:
        """R2* and its like, where there are echoes to measure them by."""
        if self.series.shows_decay:
            self._node("decay", Relaxometry(), {"echo_times": list(self.series.echo_times)})
            self._link("decay", magnitude="reading.magnitude", mask="masking.mask")
            self._write(
                "decay", {}, r2star="decay.r2star", t2star="decay.t2star", s0="decay.s0",
                masking="masking.stage", decay="decay.stage",
            )  # fmt: skip

    def _from_field(self) -> None:
        series = self.series
        self._node(
            "reading",
            LoadField(),
            {
                "images": [str(path) for path in (*series.magnitude, series.field)],
                "field": str(series.field),
                "field_units": series.field_units or "ppm",
                "field_strength": series.field_strength,
                "magnitude": [str(path) for path in series.magnitude],
                "volumes": list(series.volumes),
                "from_scanner": series.from_scanner,
                "sign": self.settings.phase_sign,
                "kind": series.start,
                "b0_dir": list(series.b0_dir or ()),
            },
        )
        self._find_mask()
        self._relax()

    def _find_mask(self) -> None:
        series, settings = self.series, self.settings
        inputs: dict[str, Any] = {}
        if series.mask is not None:
            inputs = {"mask_file": str(series.mask), "mask_source": series.mask_source or ""}
        else:
            options = dict(settings.options.get(settings.extraction, {}))
            inputs = {"method": settings.extraction, "options": options}
        self._node("masking", BrainMask(), inputs)
        self._link("masking", grid="reading.grid")
        if series.mask is None:
            self._link("masking", magnitude="reading.magnitude")
        # A local field is known only where the background could be removed.
        kind = "eroded" if series.start == "local-field" else "brain"
        self._write("mask", {}, masking="masking.stage", **{kind: "masking.mask"})

    def _remove_background(self) -> None:
        settings, raw = self.settings, self.series.start == "raw"
        method = settings.background
        options = dict(settings.options.get(method, {}))
        self._node("background", Background(), {"method": method, "options": options})
        source = "mapping" if raw else "reading"
        mask = "mapping.mask" if raw else "masking.mask"
        self._link("background", field=f"{source}.field", mask=mask, grid="reading.grid")
        stages = {"masking": "masking.stage", "background": "background.stage"}
        self._link("background", weight=f"{source}.weight")
        if raw:
            stages["mapping"] = "mapping.stage"
        images = {"eroded": "background.mask"}
        if writes_local_field(self.series, settings):
            images["local"] = "background.field"
            if not raw:
                images["magnitude"] = "reading.magnitude"
        self._write("background", {}, **images, **stages)

    def _store(self, folder: Path) -> None:
        """Keep the local field as what networks are trained on."""
        raw, local = self.series.start == "raw", self.series.start == "local-field"
        path = subject_path(folder, self.series)
        inputs: dict[str, Any] = {"path": str(path)}
        if self.series.reference is not None:
            inputs["reference"] = str(self.series.reference)
        self._node("write_subject", StoreSubject(), inputs)
        self._link(
            "write_subject",
            field="reading.field" if local else "background.field",
            mask="masking.mask" if local else "background.mask",
            weight="mapping.weight" if raw else "reading.weight",
            grid="reading.grid",
        )

    def _note(self) -> None:
        """Note what a combination of several head orientations takes from this one."""
        raw, local = self.series.start == "raw", self.series.start == "local-field"
        path = str(note_path(self.settings.work_dir, self.series))
        self._node("write_orientation", NoteOrientation(), {"path": path})
        self._link(
            "write_orientation",
            field="reading.field" if local else "background.field",
            mask="masking.mask" if local else "background.mask",
            weight="mapping.weight" if raw else "reading.weight",
            grid="reading.grid",
        )
        if raw or self.series.magnitude:
            self._link("write_orientation", magnitude="reading.magnitude")

    def _invert(self, method: str) -> None:
        raw, local = self.series.start == "raw", self.series.start == "local-field"
        name = f"inversion_{desc_label(method)}"
        options = dict(self.settings.options.get(method, {}))
        inputs = {"method": method, "options": options, "device": self.settings.device}
        if method in self.settings.weights:
            inputs["weights"] = dict(self.settings.weights[method])
        if local and self.series.field is not None:
            inputs["field_file"] = self.series.field.name
        self._node(name, Inversion(), inputs)
        self._link(
            name,
            field="reading.field" if local else "background.field",
            mask="masking.mask" if local else "background.mask",
            grid="reading.grid",
        )
        stages = {"masking": "masking.stage", "inversion": f"{name}.stage"}
        self._link(name, weight="mapping.weight" if raw else "reading.weight")
        if raw or self.series.magnitude:
            self._link(name, magnitude="reading.magnitude")
        if raw:
            stages["mapping"] = "mapping.stage"
        if not local:
            stages["background"] = "background.stage"
        images = {"chi": f"{name}.chi", "curves": f"{name}.curves"}
        if gives_uncertainty(method, self.settings):
            images["uncertainty"] = f"{name}.uncertainty"
        self._write(f"chi_{desc_label(method)}", {"method": method}, **images, **stages)

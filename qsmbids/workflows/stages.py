"""The workflow of all stages from images to susceptibility, with arrays between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nipype.interfaces.base import Interface
from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from qsmbids.bids import desc_label
from qsmbids.interfaces.brain_mask import BrainMask
from qsmbids.interfaces.contrast import Weighting
from qsmbids.interfaces.fields import FieldMap, Relaxometry
from qsmbids.interfaces.read_field import LoadField
from qsmbids.interfaces.read_series import LoadSeries
from qsmbids.interfaces.susceptibility import Background, Inversion
from qsmbids.inversion import METHODS
from qsmbids.settings import Processing
from qsmbids.workflows.node import stage_node
from qsmbids.workflows.plan import gives_uncertainty

# Stages whose time goes into decompression or Fourier transforms run on several threads.
_THREADED = (LoadSeries, FieldMap, Background, Inversion)


def init_stages_wf(
    inputs: Collection[str],
    processing: Processing,
    *,
    key: str,
    decay: bool,
    echoes: int,
    voxels: int,
) -> Workflow:
    """Build the workflow of all stages, with arrays between them.

    Parameters
    ----------
    inputs : collection of str
        The fields of ``inputnode``: see `init_qsm_wf`; also ``volumes``, ``difference``,
        ``from_scanner`` and ``mask_source`` of `qsmbids.bids.Series`, and ``field_file``.
    processing : Processing
        Methods and their options.
    key : str
        What messages call the series.
    decay : bool
        Whether R2* and its like are computed.
    echoes, voxels : int
        From which the memory of each stage is told.

    Returns
    -------
    Workflow
        Named ``stages``. The fields of ``outputnode`` are saved arrays, the ``grid`` that they
        lie on, and for each stage, under its name, what sidecars say of it.
    """
    builder = _Builder(inputs, processing, {"voxels": voxels, "echoes": echoes}, key)
    return builder.build(decay)


def outputs_of(workflow: Workflow) -> list[str]:
    """Return the fields of a workflow's ``outputnode``."""
    return list(workflow.get_node("outputnode").inputs.copyable_trait_names())


class _Builder:
    """Adds stages and connects them by the names of what they take and make."""

    def __init__(
        self, inputs: Collection[str], processing: Processing, size: dict[str, int], key: str
    ):
        self.processing, self.size, self.key = processing, size, key
        self.workflow = Workflow(name="stages")
        node = Node(IdentityInterface(fields=list(inputs)), name="inputnode")
        self.workflow.add_nodes([node])
        self.inputs = {name: (node, name) for name in inputs}
        self.made: dict[str, tuple[Node, str]] = {}

    def build(self, decay: bool) -> Workflow:
        """Return the workflow."""
        from_local = "local_field" in self.inputs
        from_field = from_local or "total_field" in self.inputs
        if from_field:
            self._read_field("local" if from_local else "total")
        else:
            self._read_series()
        self._find_mask("eroded" if from_local else "brain")
        if not from_field:
            self._map_field()
        if decay:
            mask = "eroded" if from_local else "brain"
            links = {"mask": mask, **_same("magnitude", "echo_times")}
            self._add("decay", Relaxometry(), {}, links, _same("r2star", "t2star", "s0"))
        if not from_local:
            self._remove_background()
        for method in self.processing.methods:
            self._invert(method)
        if self.processing.swi and not from_field:
            self._weight()
        node = Node(IdentityInterface(fields=list(self.made)), name="outputnode")
        for name, (source, output) in self.made.items():
            self.workflow.connect(source, output, node, name)
        return self.workflow

    def _add(
        self,
        name: str,
        interface: Interface,
        settings: Mapping[str, Any],
        takes: Mapping[str, str],
        makes: Mapping[str, str],
    ) -> None:
        """Add a stage: its inputs that are settings, those that others make, and what it makes.

        What nobody gives is not connected.
        """
        threads = self.processing.omp_nthreads if isinstance(interface, _THREADED) else 1
        inputs = {"key": self.key, **settings}
        node = stage_node(interface, name, inputs, threads=threads, **self.size)
        self.workflow.add_nodes([node])
        for trait, wanted in takes.items():
            source = self.made.get(wanted) or self.inputs.get(wanted)
            if source is not None:
                self.workflow.connect(*source, node, trait)
        self.made |= {made: (node, output) for made, output in makes.items()}
        self.made[name] = node, "stage"

    def _read_series(self) -> None:
        takes = (
            *("magnitude", "phase", "real", "imaginary", "volumes"),
            *("phase_units", "manufacturer", "echo_times", "difference"),
        )
        makes = ("magnitude", "phase", "grid")
        self._add("reading", LoadSeries(), {}, _same(*takes), _same(*makes))

    def _read_field(self, kind: str) -> None:
        settings = {"kind": f"{kind}-field", "sign": self.processing.phase_sign}
        takes = ("field_units", "field_strength", "b0_dir", "magnitude", "volumes", "from_scanner")
        makes = ("weight", "grid", *(["magnitude"] if "magnitude" in self.inputs else []))
        self._add(
            "reading",
            LoadField(),
            settings,
            {"field": f"{kind}_field", **_same(*takes)},
            {kind: "field", **_same(*makes)},
        )

    def _find_mask(self, kind: str) -> None:
        if "mask" in self.inputs:
            settings: dict[str, Any] = {}
            takes = {"mask_file": "mask", "mask_source": "mask_source", "grid": "grid"}
        else:
            method = self.processing.extraction
            settings = {"method": method, "options": self._options(method)}
            takes = _same("magnitude", "grid")
        self._add("masking", BrainMask(), settings, takes, {kind: "mask"})

    def _map_field(self) -> None:
        settings = {
            "fit": self.processing.fit,
            "unwrapping": self.processing.unwrapping,
            "sign": self.processing.phase_sign,
        }
        takes = ("magnitude", "phase", "grid", "echo_times", "difference", "field_strength")
        told = _same("weight", "reliable", "unwrapped", "noise", "residual")
        makes = {"total": "field", "known": "mask", **told}
        self._add("mapping", FieldMap(), settings, {"mask": "brain", **_same(*takes)}, makes)

    def _remove_background(self) -> None:
        method = self.processing.background
        settings = {"method": method, "options": self._options(method)}
        mask = "known" if "known" in self.made else "brain"
        takes = {"field": "total", "mask": mask, **_same("weight", "grid")}
        makes = {"local": "field", "eroded": "mask"}
        self._add("background", Background(), settings, takes, makes)

    def _invert(self, method: str) -> None:
        label = desc_label(method)
        settings = {
            "method": method,
            "options": self._options(method),
            "device": self.processing.device,
            "use_gpu": self.processing.device != "cpu" and METHODS[method].takes("device"),
        }
        if method in self.processing.weights:
            settings["weights"] = dict(self.processing.weights[method])
        takes = {"field": "local", "mask": "eroded", **_same("weight", "magnitude", "grid")}
        makes = ["chi", "curves", "before"]
        if gives_uncertainty(method, self.processing):
            makes.append("uncertainty")
        self._add(
            f"inversion_{label}",
            Inversion(),
            settings,
            {**takes, "field_file": "field_file"},
            {f"{name}_{label}": name for name in makes},
        )

    def _weight(self) -> None:
        settings = {"method": "swi", "options": self._options("swi")}
        takes = ("magnitude", "grid", "echo_times", "field_strength")
        links = {"field": "local", "mask": "eroded", **_same(*takes)}
        self._add("weighting", Weighting(), settings, links, _same("swi", "minimum"))

    def _options(self, method: str) -> dict[str, Any]:
        return dict(self.processing.options.get(method, {}))


def _same(*names: str) -> dict[str, str]:
    """Return names that stand for themselves."""
    return {name: name for name in names}

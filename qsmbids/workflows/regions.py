"""The part of a series' workflow that measures regions and sets the zero of susceptibility."""

from __future__ import annotations

from typing import Any

from nipype.pipeline.engine import Node, Workflow

from qsmbids.bids import Series, desc_label
from qsmbids.interfaces.region_tables import MeasureRegions
from qsmbids.interfaces.regions import AtlasRegions, Reference, Segmentation
from qsmbids.interfaces.template import RegisterTemplate, RegisterToTemplate
from qsmbids.interfaces.template_space import WriteInSpace
from qsmbids.settings import ATLAS_SPACE, DEEP_GREY, SPACE, Settings
from qsmbids.workflows.node import stage_node
from qsmbids.workflows.plan import (
    atlases_of,
    gives_uncertainty,
    moves_zero,
    region_sets,
    spaces_of,
)

Source = tuple[Node, str]
_THREADED = (RegisterTemplate, RegisterToTemplate)


class Regions:
    """Adds the regions of a series to its workflow, and what is measured in them.

    Parameters
    ----------
    workflow, stages : Workflow
        That of the series, and its inner one of all stages.
    series : Series
        What is processed.
    settings : Settings
        How.
    size : dict
        ``voxels`` and ``echoes``, from which the memory of each node is told.
    """

    def __init__(
        self,
        workflow: Workflow,
        stages: Workflow,
        series: Series,
        settings: Settings,
        size: dict[str, int],
    ):
        self._workflow, self._stages, self._size = workflow, stages, size
        self._series, self._settings = series, settings
        self._known = "eroded"
        self._brain = "eroded" if series.start == "local-field" else "brain"
        self._bridges: dict[str, Node] = {}
        atlases = atlases_of(series, settings)
        self._registration = self._register() if atlases or spaces_of(series, settings) else None
        self._found = {
            name: self._of_atlas(name) if name in atlases else self._of_segmentation(name)
            for name in region_sets(series, settings)
        }
        self._referred = self._refer() if moves_zero(series, settings) else {}

    def chi(self, method: str) -> dict[str, Source]:
        """Return where the map of a method comes from, and what is said of its zero."""
        node = self._referred.get(method)
        if node is None:
            return {"chi": self._of_stages(f"chi_{desc_label(method)}")}
        return {"chi": (node, "chi"), "reference": (node, "stage")}

    def measure(self) -> None:
        """Add the nodes that write the tables."""
        methods = list(self._settings.methods)
        for name, found in self._found.items():
            inputs = {
                "series": self._series,
                "output_dir": str(self._settings.output_dir),
                "atlas": name,
            }
            links = {
                "grid": self._of_stages("grid"),
                "mask": self._of_stages(self._known),
                "labels": (found, "labels"),
                "names": (found, "names"),
                "regions": (found, "stage"),
            }
            if self._series.shows_decay:
                names = {"r2star": "r2star", "brain": self._brain}
                links |= {trait: self._of_stages(one) for trait, one in names.items()}
            for method in methods:
                label = desc_label(method)
                links |= {f"{trait}_{label}": one for trait, one in self.chi(method).items()}
                if gives_uncertainty(method, self._settings):
                    one = f"uncertainty_{label}"
                    links[one] = self._of_stages(one)
            self._add(MeasureRegions(methods), f"write_regions_{desc_label(name)}", inputs, links)

    def write_in_spaces(self) -> None:
        """Add the nodes that write maps in the spaces of templates."""
        for space in spaces_of(self._series, self._settings):
            inputs = {
                "series": self._series,
                "output_dir": str(self._settings.output_dir),
                "space": space,
            }
            shared = {name: self._of_stages(name) for name in ("grid", "reading", "masking")}
            shared |= self._to(space)
            if self._series.shows_decay:
                links = {name: self._of_stages(name) for name in ("r2star", "decay")}
                links["known"] = self._of_stages(self._brain)
                name = f"write_{desc_label(space)}_decay"
                self._add(WriteInSpace(), name, inputs, {**shared, **links})
            for method in self._settings.methods:
                label = desc_label(method)
                links = {**self.chi(method), "known": self._of_stages(self._known)}
                links["inversion"] = self._of_stages(f"inversion_{label}")
                if gives_uncertainty(method, self._settings):
                    links["uncertainty"] = self._of_stages(f"uncertainty_{label}")
                name = f"write_{desc_label(space)}_{label}"
                self._add(WriteInSpace(), name, {**inputs, "method": method}, {**shared, **links})

    def _of_segmentation(self, name: str) -> Node:
        """Add the node that brings a segmentation to the grid of the series."""
        inputs = {"segmentation": str(self._series.segmentation)}
        links = {"grid": self._of_stages("grid"), "mask": self._of_stages(self._brain)}
        return self._add(Segmentation(), f"regions_{desc_label(name)}", inputs, links)

    def _of_atlas(self, name: str) -> Node:
        """Add the node that brings an atlas to the grid of the series."""
        space = SPACE if name == DEEP_GREY else ATLAS_SPACE
        links = {"grid": self._of_stages("grid"), **self._to(space)}
        return self._add(AtlasRegions(), f"regions_{desc_label(name)}", {"atlas": name}, links)

    def _to(self, space: str) -> dict[str, Source]:
        """Return the warps to a template's space, and add the node of that between templates."""
        links = {
            "displacement": (self._registration, "displacement"),
            "warp": (self._registration, "warp"),
            "template": (self._registration, "stage"),
        }
        if space != SPACE:
            name = f"template_{desc_label(space)}"
            if space not in self._bridges:
                self._bridges[space] = self._add(RegisterTemplate(), name, {"space": space}, {})
            bridge = self._bridges[space]
            links |= {"bridge_displacement": (bridge, "displacement"), "bridge": (bridge, "warp")}
        return links

    def _register(self) -> Node:
        """Add the node that registers the series to the template, by its first map."""
        links = {name: self._of_stages(name) for name in ("magnitude", "grid")}
        links["brain"] = self._of_stages(self._brain)
        if self._settings.methods:
            links["chi"] = self._of_stages(f"chi_{desc_label(self._settings.methods[0])}")
            links["known"] = self._of_stages(self._known)
        return self._add(RegisterToTemplate(), "template", {}, links)

    def _refer(self) -> dict[str, Node]:
        """Add a node for each map that puts it relative to a region of the first parcellation."""
        regions = next(iter(self._found.values()))
        nodes = {}
        for method in self._settings.methods:
            label = desc_label(method)
            links = {
                "chi": self._of_stages(f"chi_{label}"),
                "mask": self._of_stages(self._known),
                "labels": (regions, "labels"),
                "names": (regions, "names"),
            }
            inputs = {"reference": self._settings.reference}
            nodes[method] = self._add(Reference(), f"reference_{label}", inputs, links)
        return nodes

    def _of_stages(self, name: str) -> Source:
        return self._stages, f"outputnode.{name}"

    def _add(
        self, interface: Any, name: str, inputs: dict[str, Any], links: dict[str, Source]
    ) -> Node:
        threads = self._settings.omp_nthreads if isinstance(interface, _THREADED) else 1
        given = {"key": self._series.key, **inputs}
        node = stage_node(interface, name, given, threads=threads, **self._size)
        self._workflow.add_nodes([node])
        for trait, (source, field) in links.items():
            self._workflow.connect(source, field, node, trait)
        return node

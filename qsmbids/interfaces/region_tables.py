"""The table of what the maps of a series hold in each region."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import DynamicTraitedSpec, Undefined, isdefined, traits

from qsmbids import __version__
from qsmbids.bids import desc_label
from qsmbids.bids.tables import write_table
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_back
from qsmbids.interfaces.base import GridInputs, WritingStage, saved_array
from qsmbids.interfaces.images import write_image
from qsmbids.interfaces.outputs import region_labels, region_table

_LOOKUP = {
    "index": {"Description": "Value in the label image"},
    "name": {"Description": "Name of the region"},
}


class _MeasureInputs(DynamicTraitedSpec, GridInputs):
    series = traits.Any(mandatory=True, desc="what the maps were made from")
    output_dir = traits.Str(mandatory=True)
    atlas = traits.Str(mandatory=True, desc="the value of seg in the files' names")
    labels = saved_array(mandatory=True)
    names = traits.Dict(mandatory=True)
    regions = traits.Dict(mandatory=True, desc="what the stage that found them says")
    mask = saved_array(mandatory=True, desc="where susceptibility is known")
    brain = saved_array(desc="where R2* is known")
    r2star = saved_array(desc="1/s")


class MeasureRegions(WritingStage):
    """Write the table of a series' regions and the image of their labels; always run.

    Parameters
    ----------
    methods : list of str
        The inputs ``chi_<label>``, ``uncertainty_<label>`` and ``reference_<label>`` take the map
        of each, the label being `qsmbids.bids.desc_label` of its name.
    """

    input_spec = _MeasureInputs

    def __init__(self, methods: Any = (), **inputs: Any):
        super().__init__(**inputs)
        self.methods = list(methods)
        for method in self.methods:
            for name in ("chi", "uncertainty"):
                self._add(f"{name}_{desc_label(method)}", saved_array())
            self._add(f"reference_{desc_label(method)}", traits.Dict())

    def _add(self, name: str, trait: Any) -> None:
        self.inputs.add_trait(name, trait)
        self.inputs.trait_set(**{name: Undefined})

    def _compute(self, cwd: str) -> None:
        from qsmbids.regions.table import COLUMNS

        inputs, output_dir = self.inputs, Path(self.inputs.output_dir)
        table = region_table(output_dir, inputs.series, inputs.atlas)
        image = region_labels(output_dir, inputs.series, inputs.atlas)
        told = {"Sources": list(inputs.series.sources), "Qsmbids": self._how()}
        write_table(table, COLUMNS, self._rows(), told)
        labels = turn_back(arrays.load(inputs.labels), inputs.grid)
        write_image(image, labels, inputs.grid["stored"]["affine"])
        names = [{"index": label, "name": name} for label, name in sorted(inputs.names.items())]
        about = {"Description": "Regions of the brain in which maps were measured", **told}
        lookup = image.with_name(image.name.replace(".nii.gz", ".tsv"))
        write_table(lookup, _LOOKUP, names, about)
        self._results["written"] = [str(table), str(image)]

    def _rows(self) -> list[dict[str, Any]]:
        """Return the rows of all maps: susceptibility by each method, then R2*."""
        from qsmbids.regions import Parcellation, measure_regions
        from qsmbids.regions.table import rows

        inputs, found = self.inputs, []
        regions = Parcellation(arrays.load(inputs.labels), inputs.names)
        mask = arrays.load(inputs.mask)
        volume = float(np.prod(inputs.grid["voxel_size"]))
        for label in map(desc_label, self.methods):
            chi, spread = (getattr(inputs, f"{name}_{label}") for name in ("chi", "uncertainty"))
            values = measure_regions(
                arrays.load(chi),
                regions,
                mask,
                voxel_volume=volume,
                uncertainty=arrays.load(spread) if isdefined(spread) else None,
            )
            found += rows("Chimap", label, values)
        if isdefined(inputs.r2star):
            decay, brain = arrays.load(inputs.r2star), arrays.load(inputs.brain)
            values = measure_regions(decay, regions, brain, voxel_volume=volume)
            found += rows("R2starmap", "n/a", values)
        return found

    def _how(self) -> dict[str, Any]:
        inputs = self.inputs
        references = {}
        for method in self.methods:
            told = getattr(inputs, f"reference_{desc_label(method)}")
            references[desc_label(method)] = told["Method"] if isdefined(told) else "mask"
        return {
            "Version": __version__,
            "Atlas": inputs.atlas,
            "Method": inputs.regions["Method"],
            "Parameters": inputs.regions["Parameters"],
            "Reference": references,
            "Warnings": list(inputs.regions["Warnings"]),
            "Stages": [inputs.regions],
        }

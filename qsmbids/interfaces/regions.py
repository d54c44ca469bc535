"""Regions on a series' grid, what its maps hold in them, and the zero of susceptibility."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import File, isdefined, traits
from numpy.typing import NDArray

from qsmbids.bids.labels import label_names, label_table
from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import GridInputs, Stage, StageInputs, StageOutputs, saved_array
from qsmbids.interfaces.images import read_labels
from qsmbids.interfaces.template import load_atlas, load_warp

_LEAST_OVERLAP = 0.8


class _SegmentationInputs(GridInputs):
    segmentation = File(exists=True, mandatory=True)
    mask = saved_array(mandatory=True, desc="the brain")


class RegionsOutputs(StageOutputs):
    """Outputs of stages that find regions."""

    labels = File(exists=True, desc="(x, y, z) int32")
    names = traits.Dict(desc="of the labels")


class Segmentation(Stage):
    """The regions of a segmentation that another tool has made, on the series' grid."""

    input_spec = _SegmentationInputs
    output_spec = RegionsOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.registration import resample_labels

        path, grid = Path(self.inputs.segmentation), self.inputs.grid
        labels, affine = read_labels(path)
        names = _names(path, labels)
        own = np.asarray(grid["affine"])
        found = resample_labels(labels, affine=affine, onto=own, shape=grid["shape"])
        self._results["labels"] = arrays.save(cwd, "labels", found)
        self._results["names"] = names
        doubts = _doubts(path, found, arrays.load(self.inputs.mask))
        self._describe("Regions", f"The segmentation {path.name} was resampled.", {}, doubts)


def _names(path: Path, labels: NDArray[np.int32]) -> dict[int, str]:
    """Return the names of a segmentation's labels, by its own table or by FreeSurfer's."""
    from qsmbids.regions.freesurfer import names_of
    from qsmbids.regions.parcellation import plain_name

    there = np.unique(labels[labels > 0]).tolist()
    names = label_names(path) if label_table(path) else names_of(there)
    names = {label: plain_name(names[label]) for label in there if label in names}
    if not names:
        raise InputError(f"{path.name} holds no label that FreeSurfer's table names.")
    return names


def _doubts(path: Path, labels: NDArray[np.int32], mask: NDArray[np.bool_]) -> list[str]:
    """Return a warning if a segmentation does not lie where the brain is."""
    share = float((mask & (labels > 0)).sum() / max((labels > 0).sum(), 1))
    if share >= _LEAST_OVERLAP:
        return []
    return [
        f"Only {100 * share:.0f} % of the segmentation {path.name} lies in the brain: the head "
        "was moved, or it is another one's; register it to the gradient echo."
    ]


class _AtlasInputs(GridInputs):
    atlas = traits.Str(mandatory=True, desc="its name")
    displacement = saved_array(mandatory=True)
    warp = traits.Dict(mandatory=True, desc="matrix and affine of the displacement")
    bridge_displacement = saved_array(desc="from the template to that of the atlas")
    bridge = traits.Dict()
    template = traits.Dict(mandatory=True, desc="what the registration says")


class AtlasRegions(Stage):
    """The regions of an atlas, on the grid of a series that is registered to its template."""

    input_spec = _AtlasInputs
    output_spec = RegionsOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.registration import pull

        inputs, grid = self.inputs, self.inputs.grid
        atlas, told = load_atlas(inputs.atlas), inputs.template
        warps = [load_warp(inputs.displacement, inputs.warp)]
        if isdefined(inputs.bridge_displacement):
            warps.append(load_warp(inputs.bridge_displacement, inputs.bridge))
        to = {"affine": atlas.affine, "onto": grid["affine"], "shape": grid["shape"], "order": 0}
        labels = pull(atlas.labels, warps, **to).astype(np.int32)
        self._results["labels"] = arrays.save(cwd, "labels", labels)
        self._results["names"] = dict(atlas.names)
        how = f"The atlas {inputs.atlas} was brought to the participant. {told['Method']}"
        self._describe(
            "Regions", how, {"Atlas": inputs.atlas, **told["Parameters"]}, told["Warnings"]
        )


class _ReferenceInputs(StageInputs):
    chi = saved_array(mandatory=True, desc="ppm")
    mask = saved_array(mandatory=True)
    labels = saved_array(mandatory=True)
    names = traits.Dict(mandatory=True)
    reference = traits.Str(mandatory=True, desc="the region's name")


class _ReferenceOutputs(StageOutputs):
    chi = File(exists=True, desc="ppm")


class Reference(Stage):
    """Susceptibility relative to a region; as it was, with a warning, where there is none."""

    input_spec = _ReferenceInputs
    output_spec = _ReferenceOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.regions import Parcellation
        from qsmbids.regions.reference import reference_value

        inputs = self.inputs
        chi, mask = arrays.load(inputs.chi), arrays.load(inputs.mask)
        regions = Parcellation(arrays.load(inputs.labels), inputs.names)
        try:
            value = reference_value(chi, mask, inputs.reference, [regions])
        except ValueError as error:
            told = f"Susceptibility stays relative to the mean over the mask: {error}."
            self._results["chi"] = inputs.chi
            self._describe("Reference", "mask", {}, [told])
            return
        moved = np.where(mask, chi - np.float32(value), np.float32(0))
        self._results["chi"] = arrays.save(cwd, "chi", moved)
        self._describe("Reference", inputs.reference, {"MeanBefore": round(value, 6)})

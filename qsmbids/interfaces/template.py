"""A series, the template, and other templates: registration, and atlases in their spaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from nipype.interfaces.base import File, isdefined, traits
from numpy.typing import NDArray

from qsmbids.bids.labels import read_label_table
from qsmbids.bids.templates import find_atlas, find_template
from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import GridInputs, Stage, StageInputs, StageOutputs, saved_array
from qsmbids.interfaces.images import read_image, read_labels
from qsmbids.regions.parcellation import Parcellation, plain_name
from qsmbids.registration import Warp, pull
from qsmbids.settings import ATLAS_SPACE, DEEP_GREY, SPACE

_LEAST_OVERLAP = 0.85


@dataclass(frozen=True, eq=False)
class Atlas:
    """Regions in the space of a template."""

    labels: NDArray[np.int32]
    affine: NDArray[np.float64]
    names: Mapping[int, str]


def load_atlas(name: str) -> Atlas:
    """Return an atlas by its name: that which the package ships, or one of TemplateFlow."""
    from qsmbids.regions.draw import NAMES
    from qsmbids.regions.template import ATLAS_FILE

    if name == DEEP_GREY:
        return Atlas(*read_labels(ATLAS_FILE), NAMES)
    path, table = find_atlas(ATLAS_SPACE, name)
    labels = read_label_table(table)
    names = {label: plain_name(text) for label, text in labels.items() if label > 0}
    return Atlas(*read_labels(path), names)


def load_target() -> Any:
    """Return the template to which all series are registered, with the nuclei as classes."""
    from qsmbids.regions.template import template

    atlas = load_atlas(DEEP_GREY)
    return template(Parcellation(atlas.labels, atlas.names))


def load_brain(space: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the T1-weighted image of a template, and its affine."""
    if space == SPACE:
        target = load_target()
        return target.t1, target.affine
    return read_image(find_template(space))


def load_warp(displacement: str, geometry: Mapping[str, Any]) -> Warp:
    """Return the warp that a stage has found."""
    matrix, affine = (np.asarray(geometry[name]) for name in ("matrix", "affine"))
    return Warp(matrix, np.asarray(arrays.load(displacement)), affine)


class _WarpOutputs(StageOutputs):
    displacement = File(exists=True, desc="(x, y, z, 3) in mm")
    warp = traits.Dict(desc="matrix and affine of the displacement")


class _WarpStage(Stage):
    """A stage that finds a warp."""

    output_spec = _WarpOutputs

    def _keep(self, cwd: str, warp: Warp) -> None:
        self._results["displacement"] = arrays.save(cwd, "displacement", warp.displacement)
        self._results["warp"] = {"matrix": warp.matrix.tolist(), "affine": warp.affine.tolist()}


class _RegisterInputs(GridInputs):
    magnitude = saved_array(mandatory=True, desc="(echo, x, y, z)")
    brain = saved_array(mandatory=True)
    chi = saved_array(desc="ppm")
    known = saved_array(desc="where chi is known")


class RegisterToTemplate(_WarpStage):
    """The warp from the world of a series to that of the template."""

    input_spec = _RegisterInputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.inversion.magnitude import combined
        from qsmbids.regions.template import register_to_template

        inputs, brain = self.inputs, np.asarray(arrays.load(self.inputs.brain))
        affine, target = np.asarray(inputs.grid["affine"]), load_target()
        chi, known = (
            np.asarray(arrays.load(path)) if isdefined(path) else None
            for path in (inputs.chi, inputs.known)
        )
        warp = register_to_template(
            target,
            combined(arrays.load(inputs.magnitude)),
            brain,
            affine,
            chi=chi,
            known=known,
            threads=inputs.num_threads,
        )
        self._keep(cwd, warp)
        to = {"affine": target.affine, "onto": affine, "shape": brain.shape, "order": 0}
        there = pull(target.brain, [warp], **to) > 0
        overlap = float(2 * (there & brain).sum() / max(there.sum() + brain.sum(), 1))
        by = "magnitude and susceptibility" if chi is not None else "magnitude"
        self._describe(
            "Registration to a template",
            f"The participant's {by} were registered to {SPACE}, affine by mutual information, "
            "then nonlinear by symmetric demons, with SimpleITK.",
            {"OverlapOfBrains": round(overlap, 3)},
            _doubts(overlap),
        )


def _doubts(overlap: float) -> list[str]:
    if overlap >= _LEAST_OVERLAP:
        return []
    return [
        f"The registration to the template is doubtful: the brains overlap by {overlap:.2f} "
        f"(Dice; {_LEAST_OVERLAP} or more is usual); look at the regions before you use their "
        "numbers."
    ]


class _BridgeInputs(StageInputs):
    space = traits.Str(mandatory=True, desc="the other template's name")


class RegisterTemplate(_WarpStage):
    """The warp from the world of the template to that of another one of TemplateFlow."""

    input_spec = _BridgeInputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.regions.template import register_template

        t1, affine = load_brain(self.inputs.space)
        warp = register_template(load_target(), t1, affine, self.inputs.num_threads)
        self._keep(cwd, warp)
        told = f"The template {self.inputs.space} was registered to {SPACE} in the same way."
        self._describe("Registration of templates", told, {})

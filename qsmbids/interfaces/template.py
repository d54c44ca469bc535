"""A series and the template: registration, and the atlases that lie in the template's space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from nipype.interfaces.base import File, isdefined, traits
from numpy.typing import NDArray

from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs, saved_array
from qsmbids.interfaces.images import read_labels
from qsmbids.regions.parcellation import Parcellation
from qsmbids.registration import Warp
from qsmbids.settings import DEEP_GREY

_LEAST_OVERLAP = 0.85


@dataclass(frozen=True, eq=False)
class Atlas:
    """Regions in the space of a template."""

    space: str
    labels: NDArray[np.int32]
    names: Mapping[int, str]
    affine: NDArray[np.float64]


def load_atlas(name: str) -> Atlas:
    """Return an atlas by its name."""
    from qsmbids.regions.draw import NAMES
    from qsmbids.regions.template import ATLAS_FILE, SPACE

    labels, affine = read_labels(ATLAS_FILE)
    return Atlas(SPACE, labels, NAMES, affine)


def load_warp(displacement: str, geometry: Mapping[str, Any]) -> Warp:
    """Return the warp that `RegisterToTemplate` has found."""
    matrix, affine = (np.asarray(geometry[name]) for name in ("matrix", "affine"))
    return Warp(matrix, np.asarray(arrays.load(displacement)), affine)


class _RegisterInputs(StageInputs):
    magnitude = saved_array(mandatory=True, desc="(echo, x, y, z)")
    brain = saved_array(mandatory=True)
    chi = saved_array(desc="ppm")
    known = saved_array(desc="where chi is known")
    grid = traits.Dict(mandatory=True)


class _RegisterOutputs(StageOutputs):
    displacement = File(exists=True, desc="(x, y, z, 3) in mm")
    warp = traits.Dict(desc="matrix and affine of the displacement")


class RegisterToTemplate(Stage):
    """The warp from the world of a series to that of the template."""

    input_spec = _RegisterInputs
    output_spec = _RegisterOutputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.inversion.magnitude import combined
        from qsmbids.regions.draw import NAMES
        from qsmbids.regions.template import SPACE, register_to_template, template
        from qsmbids.registration import pull

        inputs, brain = self.inputs, np.asarray(arrays.load(self.inputs.brain))
        affine = np.asarray(inputs.grid["affine"])
        atlas = load_atlas(DEEP_GREY)
        target = template(Parcellation(atlas.labels, NAMES))
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
        self._results["displacement"] = arrays.save(cwd, "displacement", warp.displacement)
        self._results["warp"] = {"matrix": warp.matrix.tolist(), "affine": warp.affine.tolist()}
        to = {"affine": target.affine, "onto": affine, "shape": brain.shape, "order": 0}
        there = pull(target.brain, [warp], **to) > 0
        overlap = float(2 * (there & brain).sum() / max(there.sum() + brain.sum(), 1))
        by = "magnitude and its susceptibility" if chi is not None else "magnitude"
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

"""What is kept of a local field: to train networks on, to combine with other orientations."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import File, isdefined, traits

from qsmbids.bids import write_json
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_upright
from qsmbids.interfaces.base import LocalFieldInputs, WritingStage, saved_array
from qsmbids.interfaces.images import read_on_grid


class _StoreInputs(LocalFieldInputs):
    reference = File(exists=True, desc="susceptibility in ppm, as it is stored")
    path = traits.Str(mandatory=True, desc="the file to write")


class StoreSubject(WritingStage):
    """Write field, mask, weight and, where known, susceptibility in one file."""

    input_spec = _StoreInputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.training.data.subject import save_subject

        inputs = self.inputs
        chi = None
        if isdefined(inputs.reference):
            stored = read_on_grid(Path(inputs.reference), inputs.grid["stored"])
            chi = turn_upright(stored, inputs.grid)
        path = Path(inputs.path)
        save_subject(
            path.parent,
            path.stem,
            arrays.load(inputs.field),
            arrays.load(inputs.mask),
            voxel_size=inputs.grid["voxel_size"],
            b0_dir=inputs.grid["b0_dir"],
            weight=arrays.load(inputs.weight),
            chi=chi,
        )
        self._results["written"] = [inputs.path]


class _NoteInputs(LocalFieldInputs):
    magnitude = saved_array(desc="(echo, x, y, z), to register by")
    path = traits.Str(mandatory=True, desc="the file to write")


class NoteOrientation(WritingStage):
    """Write down where the arrays of one orientation lie.

    Their names tell their content, and so does the note.
    """

    input_spec = _NoteInputs

    def _compute(self, cwd: str) -> None:
        inputs = self.inputs
        content = {name: getattr(inputs, name) for name in ("field", "mask", "weight", "grid")}
        if isdefined(inputs.magnitude):
            content["magnitude"] = inputs.magnitude
        write_json(Path(inputs.path), {"key": inputs.key, **content})
        self._results["written"] = [inputs.path]

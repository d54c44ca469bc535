"""Local fields as files that networks are trained on."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.base import File, isdefined, traits

from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs, saved_array
from qsmbids.interfaces.orientation import turn_upright


class _StoreInputs(StageInputs):
    field = saved_array(mandatory=True, desc="local field in ppm")
    mask = saved_array(mandatory=True)
    weight = saved_array(mandatory=True)
    grid = traits.Dict(mandatory=True)
    reference = File(exists=True, desc="susceptibility in ppm, as it is stored")
    path = traits.Str(mandatory=True, desc="the file to write")


class _StoreOutputs(StageOutputs):
    written = traits.List(traits.Str)


class StoreSubject(Stage):
    """Write field, mask, weight and, where known, susceptibility in one file; always run."""

    input_spec = _StoreInputs
    output_spec = _StoreOutputs
    _always_run = True

    def _compute(self, cwd: str) -> None:
        from qsmbids.training.data.subjects import save_subject

        inputs = self.inputs
        chi = None
        if isdefined(inputs.reference):
            stored = arrays.read_on_grid(Path(inputs.reference), inputs.grid["stored"])
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

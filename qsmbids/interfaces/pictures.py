"""Pictures of the echoes for the participant's page, drawn while these are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import traits

from qsmbids.files import whole_file
from qsmbids.interfaces import arrays
from qsmbids.interfaces.base import GridInputs, WritingStage, saved_array


class _PictureInputs(GridInputs):
    paths = traits.Dict(mandatory=True, desc="where each picture goes, by its name")
    phase = saved_array(mandatory=True, desc="(echo, x, y, z) in radians")
    brain = saved_array(mandatory=True)
    unwrapped = saved_array(mandatory=True, desc="of the last echo, without its offset")
    noise = saved_array(mandatory=True, desc="of the total field in ppm")
    residual = saved_array(mandatory=True, desc="of the phase fit in radians")
    echo_times = traits.List(traits.Float, mandatory=True)
    difference = traits.Bool(mandatory=True)
    strength = traits.Float(mandatory=True, desc="tesla")


class DrawEchoes(WritingStage):
    """Draw phase, noise and residual."""

    input_spec = _PictureInputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.reports.echo_pictures import draw_echoes

        drawn = draw_echoes(
            **{
                name: arrays.load(getattr(self.inputs, name))
                for name in ("phase", "brain", "unwrapped", "noise", "residual")
            },
            affine=np.array(self.inputs.grid["affine"]),
            echo_times=self.inputs.echo_times,
            difference=self.inputs.difference,
            strength=self.inputs.strength,
        )
        written: list[Any] = []
        for name, path in self.inputs.paths.items():
            if name in drawn:
                with whole_file(Path(path)) as stream:
                    stream.write(drawn[name])
                written.append(path)
            else:
                Path(path).unlink(missing_ok=True)
        self._results["written"] = written

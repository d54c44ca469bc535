"""The stages of the app one after the other on one series, without BIDS and without a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from nipype.interfaces.base import isdefined
from numpy.typing import NDArray

from qsmbids import __version__
from qsmbids.errors import InputError
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import make_grid, turn_back, turn_upright, upright_grid, with_b0
from qsmbids.interfaces.brain_mask import BrainMask
from qsmbids.interfaces.fields import FieldMap
from qsmbids.interfaces.images import check_grid, read_echoes
from qsmbids.interfaces.params import KEYS, read_params
from qsmbids.interfaces.susceptibility import Background, Inversion
from qsmbids.phase import to_radians
from qsmbids.workflows.from_field import Made, MapJob


@dataclass(frozen=True, kw_only=True)
class PhaseJob(MapJob):
    """A map of the phase of all echoes.

    Attributes
    ----------
    magnitude, params : Path
        Of the same shape; see `read_params`.
    background, unwrapping, fit, phase_sign : str
        As in `Settings`.
    """

    magnitude: Path
    params: Path
    background: str
    unwrapping: str
    fit: str
    phase_sign: str


def from_phase(job: PhaseJob) -> Made:
    """Return the map of a series of echoes; `InputError` if the data cannot be used."""
    with TemporaryDirectory(prefix="qsmbids-") as scratch:
        return _Chain(job, read_params(job.params, *KEYS), scratch).run()


class _Chain:
    """Each stage has its files in one scratch folder."""

    def __init__(self, job: PhaseJob, params: Mapping[str, Any], scratch: str):
        self.job, self.params, self.scratch = job, params, scratch

    def run(self) -> Made:
        job, images = self.job, self._read()
        grid = images["grid"]
        mask = self._stage(BrainMask, mask_file=str(job.mask), grid=grid)
        field = self._stage(
            FieldMap,
            **images,
            mask=mask.mask,
            echo_times=self.params["echo_times"],
            field_strength=self.params["field_strength"],
            fit=job.fit,
            unwrapping=job.unwrapping,
            sign=job.phase_sign,
        )
        weighted = {"weight": field.weight, "grid": grid}
        local = self._stage(
            Background, field=field.field, mask=field.mask, **weighted, **self._how(job.background)
        )
        magnitude = {"magnitude": images["magnitude"], "device": job.device}
        fields = {"field": local.field, "mask": local.mask, **weighted}
        made = self._stage(Inversion, **fields, **magnitude, **self._how(job.method))
        stages = [one.stage for one in (mask, field, local, made)]
        return Made(
            self._stored(made.chi, grid),
            self._stored(made.uncertainty, grid) if isdefined(made.uncertainty) else None,
            grid["stored"]["affine"],
            made.curves,
            {"Version": __version__, "Stages": stages, "Params": dict(self.params)},
            [job.source, job.magnitude, job.mask],
        )

    def _stored(self, path: str, grid: Mapping[str, Any]) -> NDArray[np.float32]:
        return np.array(turn_back(arrays.load(path), grid))

    def _how(self, method: str) -> dict[str, Any]:
        return {"method": method, "options": dict(self.job.options.get(method, {}))}

    def _stage(self, interface: Any, **inputs: Any) -> Any:
        common = {"key": self.job.source.name, "num_threads": self.job.threads}
        return interface(**common, **inputs).run(cwd=self.scratch).outputs

    def _read(self) -> dict[str, Any]:
        """Return saved magnitude and phase (echo, x, y, z), upright, and their grid."""
        phase, magnitude = self.job.source, self.job.magnitude
        values, affine = read_echoes(phase)
        grid = _grid(make_grid(phase, values.shape[1:], affine), self.params)
        signal, affine = read_echoes(magnitude)
        check_grid(magnitude, signal.shape[1:], affine, grid["stored"])
        echoes = len(self.params["echo_times"])
        told = f"{self.job.params.name} {echoes} echo times."
        for path, series in ((phase, values), (magnitude, signal)):
            if len(series) != echoes:
                raise InputError(f"{path.name} holds {len(series)} echoes, {told}")
        saved: dict[str, Any] = {"grid": grid}
        radians = to_radians(values, units="rad").phase
        for name, series in (("phase", radians), ("magnitude", signal)):
            turned = np.stack([turn_upright(echo, grid) for echo in series])
            saved[name] = arrays.save(self.scratch, name, turned)
        return saved


def _grid(stored: dict[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the upright grid with voxel size and B0 as ``params`` tell them of the stored one."""
    grid = with_b0(upright_grid(stored), params["b0_dir"])
    for (upright, _), edge in zip(grid["turn"], params["voxel_size"], strict=True):
        grid["voxel_size"][upright] = edge
    return grid

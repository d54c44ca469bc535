"""``qsmbids-chain``: phase and magnitude of all echoes to susceptibility, without BIDS."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qsmbids import __version__
from qsmbids.background import DEFAULT as DEFAULT_BACKGROUND
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli.command import finish
from qsmbids.errors import InputError, UsageError
from qsmbids.inversion import DEFAULT, METHODS
from qsmbids.phase import FITS, UNWRAPPING


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for bad data, 2 for a bad command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.
    """
    arguments = _parser().parse_args(argv)
    return finish("qsmbids-chain", lambda: _run(arguments), verbose=arguments.verbose)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qsmbids-chain",
        description="Compute susceptibility (ppm) from phase and magnitude with the app's stages.",
    )
    parser.add_argument("phase", type=Path, help="in radians, NIfTI (x, y, z[, echo])")
    parser.add_argument("magnitude", type=Path, help="NIfTI of the same shape")
    parser.add_argument("mask", type=Path, help="the brain, NIfTI on the same grid")
    parser.add_argument(
        "--params",
        type=Path,
        required=True,
        help="JSON with TE in s, B0 in T, voxel_size in mm and B0_dir, as QSM-CI writes it",
    )
    parser.add_argument("--out", type=Path, required=True, help="the map to write, .nii.gz")
    parser.add_argument(
        "--unwrapping", choices=[*UNWRAPPING], default="best-path", help="default: %(default)s"
    )
    parser.add_argument("--fit", choices=[*FITS], default="linear", help="default: %(default)s")
    parser.add_argument(
        "--phase-sign",
        choices=["auto", "positive", "negative"],
        default="auto",
        help="how phase goes with a positive field: %(default)s",
    )
    parser.add_argument(
        "--background",
        choices=[*BACKGROUND],
        default=DEFAULT_BACKGROUND,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--method", choices=[*METHODS], default=DEFAULT, help="default: %(default)s"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="METHOD.NAME=VALUE",
        help="of background removal or inversion; repeat",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("-v", "--verbose", action="store_true", help="show where an error is from")
    parser.add_argument("--version", action="version", version=f"qsmbids {__version__}")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    options = _options(arguments)

    from qsmbids.cli.params import KEYS, read_params

    params = read_params(arguments.params, *KEYS)
    with TemporaryDirectory(prefix="qsmbids-") as scratch:
        outputs = _Chain(arguments, options, params, scratch).run()
        _write(arguments, params, outputs)


def _options(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the options by method; refuse what cannot be, before anything is read."""
    from qsmbids.cli.values import method_options
    from qsmbids.workflows.weights import digests

    if not arguments.out.name.endswith(".nii.gz"):
        raise UsageError(f"--out {arguments.out}: the name must end in .nii.gz.")
    if arguments.threads < 1:
        raise UsageError("--threads must be at least 1.")
    options = method_options(arguments.option, {**BACKGROUND, **METHODS})
    idle = set(options) - {arguments.background, arguments.method}
    if idle:
        raise UsageError(f"--option: {min(idle)} was not asked for.")
    digests([arguments.method], options)
    return options


class _Chain:
    """The stages of the app one after the other, each with its files in one scratch folder."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        options: Mapping[str, Mapping[str, Any]],
        params: Mapping[str, Any],
        scratch: str,
    ):
        self.arguments, self.options, self.params = arguments, options, params
        self.scratch = scratch

    def run(self) -> dict[str, Any]:
        """Return the outputs of each stage, and the grid."""
        from qsmbids.interfaces.fields import BrainMask, FieldMap
        from qsmbids.interfaces.susceptibility import Background, Inversion

        given, images = self.arguments, self._read()
        mask = self._stage(BrainMask, mask_file=str(given.mask), grid=images["grid"])
        field = self._stage(
            FieldMap,
            **images,
            mask=mask.mask,
            echo_times=self.params["echo_times"],
            field_strength=self.params["field_strength"],
            fit=given.fit,
            unwrapping=given.unwrapping,
            sign=given.phase_sign,
        )
        local = self._stage(
            Background,
            field=field.field,
            mask=field.mask,
            weight=field.weight,
            grid=images["grid"],
            method=given.background,
            options=dict(self.options.get(given.background, {})),
        )
        made = self._stage(
            Inversion,
            field=local.field,
            mask=local.mask,
            weight=field.weight,
            magnitude=images["magnitude"],
            grid=images["grid"],
            method=given.method,
            options=dict(self.options.get(given.method, {})),
            device=given.device,
        )
        stages = [mask.stage, field.stage, local.stage, made.stage]
        return {"chi": made.chi, "grid": images["grid"], "stages": stages}

    def _stage(self, interface: Any, **inputs: Any) -> Any:
        common = {"key": self.arguments.phase.name, "num_threads": self.arguments.threads}
        return interface(**common, **inputs).run(cwd=self.scratch).outputs

    def _read(self) -> dict[str, Any]:
        """Return saved magnitude and phase (echo, x, y, z), upright, and their grid."""
        import numpy as np

        from qsmbids.interfaces import arrays
        from qsmbids.interfaces.axis_order import make_grid, turn_upright
        from qsmbids.interfaces.images import check_grid, read_echoes
        from qsmbids.phase import to_radians

        phase, magnitude = self.arguments.phase, self.arguments.magnitude
        values, affine = read_echoes(phase)
        grid = _grid(make_grid(phase, values.shape[1:], affine), self.params)
        signal, affine = read_echoes(magnitude)
        check_grid(magnitude, signal.shape[1:], affine, grid["stored"])
        echoes = len(self.params["echo_times"])
        for path, series in ((phase, values), (magnitude, signal)):
            if len(series) != echoes:
                raise InputError(
                    f"{path.name} holds {len(series)} echoes, {self.arguments.params.name} "
                    f"{echoes} echo times."
                )
        saved: dict[str, Any] = {"grid": grid}
        radians = to_radians(values, units="rad").phase
        for name, series in (("phase", radians), ("magnitude", signal)):
            turned = np.stack([turn_upright(echo, grid) for echo in series])
            saved[name] = arrays.save(self.scratch, name, turned)
        return saved


def _grid(stored: dict[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the upright grid with voxel size and B0 as ``params`` tell them of the stored one."""
    from qsmbids.interfaces.axis_order import upright_grid, with_b0

    grid = with_b0(upright_grid(stored), params["b0_dir"])
    for (upright, _), edge in zip(grid["turn"], params["voxel_size"], strict=True):
        grid["voxel_size"][upright] = edge
    return grid


def _write(
    arguments: argparse.Namespace, params: Mapping[str, Any], outputs: Mapping[str, Any]
) -> None:
    """Write the map as it was stored, and how it came to be."""
    from qsmbids.bids import write_json
    from qsmbids.bids.sidecar import KINDS
    from qsmbids.interfaces.arrays import load
    from qsmbids.interfaces.axis_order import turn_back
    from qsmbids.interfaces.images import write_image

    grid = outputs["grid"]
    write_image(arguments.out, turn_back(load(outputs["chi"]), grid), grid["stored"]["affine"])
    sources = [str(path) for path in (arguments.phase, arguments.magnitude, arguments.mask)]
    told = {"Version": __version__, "Stages": outputs["stages"], "Params": dict(params)}
    sidecar = arguments.out.with_name(f"{arguments.out.name.removesuffix('.nii.gz')}.json")
    write_json(sidecar, {**KINDS["Chimap"], "Sources": sources, "Qsmbids": told})

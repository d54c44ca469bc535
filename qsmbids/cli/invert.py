"""``qsmbids-invert``: one local field and its mask to susceptibility, without BIDS."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsmbids import __version__
from qsmbids.cli.command import finish
from qsmbids.errors import InputError, UsageError
from qsmbids.inversion import DEFAULT, METHODS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qsmbids.inversion import Reconstruction


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for bad data, 2 for a bad command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.
    """
    arguments = _parser().parse_args(argv)
    return finish("qsmbids-invert", lambda: _run(arguments), verbose=arguments.verbose)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qsmbids-invert",
        description="Compute susceptibility (ppm) from a local field, background removed.",
        epilog="B0 is read from the field's affine unless --b0-dir or --params is given.",
    )
    parser.add_argument("field", type=Path, help="local field, NIfTI")
    parser.add_argument("mask", type=Path, help="where the field is valid, NIfTI on the same grid")
    parser.add_argument("--out", type=Path, required=True, help="the map to write, .nii.gz")
    parser.add_argument(
        "--method", choices=[*METHODS], default=DEFAULT, help="default: %(default)s"
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of the method; repeat"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help="of a network, or a name that the package ships"
    )
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="where networks compute; auto: a graphics processor where there is one",
    )
    parser.add_argument(
        "--weight",
        type=Path,
        help="confidence in each voxel, 0 to 1, NIfTI; default: the magnitude if it is given, "
        "else 1; 0 where the field is 0",
    )
    parser.add_argument(
        "--magnitude",
        type=Path,
        help="NIfTI: confidence in each voxel without --weight, and for methods that use its edges",
    )
    parser.add_argument(
        "--units", choices=["ppm", "Hz", "rad"], default="ppm", help="of the field: %(default)s"
    )
    parser.add_argument("--field-strength", type=float, help="B0 in tesla, for Hz and rad")
    parser.add_argument("--echo-time", type=float, help="in seconds, for rad")
    geometry = parser.add_mutually_exclusive_group()
    geometry.add_argument("--b0-dir", type=float, nargs=3, metavar=("X", "Y", "Z"))
    geometry.add_argument(
        "--params", type=Path, help="JSON with voxel_size in mm and B0_dir, as QSM-CI writes it"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("-v", "--verbose", action="store_true", help="show where an error is from")
    parser.add_argument("--version", action="version", version=f"qsmbids {__version__}")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    chosen, scale = _options(arguments), _ppm_per_unit(arguments)

    from scipy.fft import set_workers

    from qsmbids.cli.params import read_params
    from qsmbids.interfaces.axis_order import make_grid
    from qsmbids.interfaces.images import read_image, read_on_grid
    from qsmbids.inversion import reconstruct

    field, affine = read_image(arguments.field)
    grid = make_grid(arguments.field, field.shape, affine)
    if arguments.b0_dir:
        grid["b0_dir"] = arguments.b0_dir
    if arguments.params:
        grid |= read_params(arguments.params, "voxel_size", "b0_dir")
    mask = read_on_grid(arguments.mask, grid)
    weight, magnitude = (
        read_on_grid(path, grid) if path else None
        for path in (arguments.weight, arguments.magnitude)
    )
    try:
        with set_workers(arguments.threads):
            found = reconstruct(
                field * scale,
                mask,
                voxel_size=grid["voxel_size"],
                b0_dir=grid["b0_dir"],
                weight=_confidence(field, mask, weight, magnitude),
                magnitude=magnitude,
                method=arguments.method,
                device=arguments.device,
                **chosen,
            )
    except ValueError as error:
        raise InputError(f"{arguments.field.name}: {error}.") from error
    _write(arguments, found, grid, _provenance(arguments, chosen, found, grid))


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the method's options; refuse what cannot be, before anything is read."""
    from qsmbids.cli.values import method_options
    from qsmbids.workflows.weights import digests, with_weights

    method, entry = arguments.method, METHODS[arguments.method]
    if not arguments.out.name.endswith(".nii.gz"):
        raise UsageError(f"--out {arguments.out}: the name must end in .nii.gz.")
    if arguments.threads < 1:
        raise UsageError("--threads must be at least 1.")
    if arguments.magnitude and arguments.weight and not entry.takes("magnitude"):
        raise UsageError(f"--magnitude says nothing to {method} beside --weight; drop one.")
    given = method_options([f"{method}.{text}" for text in arguments.option], METHODS)
    weights = [f"{method}={arguments.weights}"] if arguments.weights else []
    options = with_weights(given, weights, [method])
    digests([method], options)
    return entry.resolve(options.get(method, {}))


def _confidence(
    field: NDArray[np.float32],
    mask: NDArray[np.float32],
    weight: NDArray[np.float32] | None,
    magnitude: NDArray[np.float32] | None,
) -> NDArray[np.generic]:
    """Return the weight: as given, or from the magnitude; 0 where the field was not measured."""
    from qsmbids.inversion.magnitude import magnitude_weight

    if weight is not None:
        return weight
    return field != 0 if magnitude is None else magnitude_weight(field, magnitude, mask != 0)


def _ppm_per_unit(arguments: argparse.Namespace) -> float:
    """Return what to multiply the field by; refuse an incomplete or idle statement of units."""
    from qsmbids.physics.units import hz_per_ppm, radians_per_ppm

    needs = {"ppm": (), "Hz": ("field_strength",), "rad": ("field_strength", "echo_time")}
    for name in ("field_strength", "echo_time"):
        value, flag = getattr(arguments, name), f"--{name.replace('_', '-')}"
        if name in needs[arguments.units] and not (value and value > 0):
            raise UsageError(f"--units {arguments.units} needs {flag}, a positive number.")
        if name not in needs[arguments.units] and value is not None:
            raise UsageError(f"{flag} says nothing about a field in {arguments.units}; drop it.")
    if arguments.units == "Hz":
        return 1 / hz_per_ppm(arguments.field_strength)
    if arguments.units == "rad":
        return 1 / radians_per_ppm(arguments.field_strength, arguments.echo_time)
    return 1.0


def _provenance(
    arguments: argparse.Namespace,
    options: dict[str, Any],
    found: Reconstruction,
    grid: Mapping[str, Any],
) -> dict[str, Any]:
    """Return how the map came to be."""
    return {
        "Version": __version__,
        "Method": arguments.method,
        "MethodLabel": METHODS[arguments.method].label,
        "Parameters": options,
        "Weight": _weighted_by(arguments),
        **found.details,
        "Warnings": [*found.warnings],
        "Reference": "the mean over the mask, which is set to 0 ppm",
        "FieldUnits": arguments.units,
        "FieldStrength": arguments.field_strength,
        "EchoTime": arguments.echo_time,
        "VoxelSize": [*grid["voxel_size"]],
        "B0Direction": [*grid["b0_dir"]],
    }


def _weighted_by(arguments: argparse.Namespace) -> str:
    """Return what a sidecar says of the weight."""
    if arguments.weight:
        return "as given"
    return "magnitude over its maximum in the mask" if arguments.magnitude else "uniform"


def _write(
    arguments: argparse.Namespace,
    found: Reconstruction,
    grid: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write map, uncertainty and course of the fit, as there are; beside images their origin."""
    from qsmbids.bids import write_json
    from qsmbids.bids.sidecar import KINDS, write_curves
    from qsmbids.interfaces.images import write_image

    stem = arguments.out.name.removesuffix(".nii.gz")
    inputs = (arguments.field, arguments.mask, arguments.weight, arguments.magnitude)
    sources = [str(path) for path in inputs if path]
    for name, image, kind in (
        (stem, found.chi, "Chimap"),
        (f"{stem}_uncertainty", found.uncertainty, "Uncertainty_Chimap"),
    ):
        if image is None:
            continue
        path = arguments.out.with_name(f"{name}.nii.gz")
        write_image(path, image, grid["affine"])
        content = {**KINDS[kind], "Sources": sources, "Qsmbids": dict(provenance)}
        write_json(path.with_name(f"{name}.json"), content)
    if found.curves:
        write_curves(arguments.out.with_name(f"{stem}_curve.tsv"), found.curves)

"""``qsmbids-invert`` and ``qsmbids-chain``: one field, or all echoes, to a map without BIDS."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli.arguments import Adder, add, add_other
from qsmbids.cli.command import Command
from qsmbids.cli.hints import Parser
from qsmbids.errors import UsageError
from qsmbids.inversion import METHODS
from qsmbids.registry import Method


def _field_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qsmbids-invert",
        description="Compute susceptibility (ppm) from a local field, background removed.",
        epilog="B0 is read from the field's affine unless --b0-dir or --params is given.",
    )
    parser.add_argument("source", metavar="field", type=Path, help="local field, NIfTI")
    parser.add_argument("mask", type=Path, help="where the field is valid, NIfTI on the same grid")
    _add_map(parser, option="NAME=VALUE", of="the method")
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
        "--units",
        choices=["ppm", "Hz", "rad/s", "rad"],
        help="of the field; default: as the JSON file beside it says (Units), else ppm",
    )
    parser.add_argument(
        "--field-strength",
        type=float,
        help="B0 in tesla, for all but ppm; default: MagneticFieldStrength of that file",
    )
    parser.add_argument("--echo-time", type=float, help="in seconds, for rad")
    geometry = parser.add_mutually_exclusive_group()
    geometry.add_argument("--b0-dir", type=float, nargs=3, metavar=("X", "Y", "Z"))
    geometry.add_argument(
        "--params", type=Path, help="JSON with voxel_size in mm and B0_dir, as QSM-CI writes it"
    )
    return parser


def _phase_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qsmbids-chain",
        description="Compute susceptibility (ppm) from phase and magnitude with the app's stages.",
    )
    parser.add_argument(
        "source", metavar="phase", type=Path, help="in radians, NIfTI (x, y, z[, echo])"
    )
    parser.add_argument("magnitude", type=Path, help="NIfTI of the same shape")
    parser.add_argument("mask", type=Path, help="the brain, NIfTI on the same grid")
    parser.add_argument(
        "--params",
        type=Path,
        required=True,
        help="JSON with TE in s, B0 in T, voxel_size in mm and B0_dir, as QSM-CI writes it",
    )
    _add_map(parser, option="METHOD.NAME=VALUE", of="background removal or inversion")
    for name in ("--unwrapping", "--fit", "--phase-sign", "--background"):
        add(parser, name)
    return parser


def _add_map(parser: Adder, *, option: str, of: str) -> None:
    """Add how a local field becomes a map, and where that goes."""
    parser.add_argument("--out", type=Path, required=True, help="the map to write, .nii.gz")
    add(parser, "--method", choices=[*METHODS], metavar=None)
    once: dict[str, Any] = {"nargs": None, "action": "append", "metavar": option}
    add(parser, "--option", help=f"of {of}; repeat", **once)
    for name in ("--weights", "--preset", "--device"):
        add(parser, name)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    add_other(parser)


def _from_field(arguments: argparse.Namespace) -> None:
    method, entry = arguments.method, METHODS[arguments.method]
    if arguments.magnitude and arguments.weight and not entry.takes("magnitude"):
        raise UsageError(f"--magnitude says nothing to {method} beside --weight; drop one.")
    arguments.option = [f"{method}.{text}" for text in arguments.option]
    arguments.options = _options(arguments, METHODS)
    _settle_units(arguments)

    from qsmbids.workflows.from_field import FieldJob, from_field, write_map

    write_map(arguments.out, from_field(_job(FieldJob, arguments)))


def _from_phase(arguments: argparse.Namespace) -> None:
    arguments.options = _options(arguments, {**BACKGROUND, **METHODS})
    idle = set(arguments.options) - {arguments.background, arguments.method}
    if idle:
        raise UsageError(f"--option: {min(idle)} was not asked for.")

    from qsmbids.workflows.chain import PhaseJob, from_phase
    from qsmbids.workflows.from_field import write_map

    write_map(arguments.out, from_phase(_job(PhaseJob, arguments)))


def _job(kind: Any, arguments: argparse.Namespace) -> Any:
    """Return a job whose fields are the arguments of the same name."""
    return kind(**{one.name: getattr(arguments, one.name) for one in fields(kind)})


def _options(
    arguments: argparse.Namespace, methods: Mapping[str, Method]
) -> dict[str, dict[str, Any]]:
    """Return the options by method; refuse what cannot be, before anything is read."""
    from qsmbids.cli.values import as_published, method_options
    from qsmbids.workflows.weights import digests, with_weights

    method = arguments.method
    if not arguments.out.name.endswith(".nii.gz"):
        raise UsageError(f"--out {arguments.out}: the name must end in .nii.gz.")
    if arguments.threads < 1:
        raise UsageError("--threads must be at least 1.")
    weights = [f"{method}={arguments.weights}"] if arguments.weights else []
    published = as_published(arguments.preset, [method])
    options = with_weights(method_options(arguments.option, methods, published), weights, [method])
    digests([method], options)
    return options


def _settle_units(arguments: argparse.Namespace) -> None:
    """Find what the field is in: as the command says, else as its sidecar does, else ppm.

    Refuses an incomplete or idle statement, and one that contradicts the sidecar.
    """
    from qsmbids.interfaces.params import stated_units
    from qsmbids.physics.units import ppm_per_unit

    stated = stated_units(arguments.source)
    asked, told = arguments.units, stated.get("units")
    if asked and told and asked != told:
        raise UsageError(
            f"--units {asked}, but the sidecar of {arguments.source.name} says {told}; drop the "
            "option, or correct the sidecar."
        )
    arguments.units = asked or told or "ppm"
    for name in ("field_strength", "echo_time"):
        setattr(arguments, name, _needed(name, arguments, stated))
    arguments.ppm_per_unit = ppm_per_unit(
        arguments.units, field_strength=arguments.field_strength, echo_time=arguments.echo_time
    )


def _needed(name: str, arguments: argparse.Namespace, stated: Mapping[str, float]) -> float | None:
    """Return a value that the units need, as given or stated; None if they do not."""
    from qsmbids.physics.units import UNITS, is_echo_time, is_field_strength

    units, flag, value = arguments.units, f"--{name.replace('_', '-')}", getattr(arguments, name)
    if name not in UNITS[units]:
        if value is not None:
            raise UsageError(
                f"{flag} says nothing about a field in {units}; drop it, or say --units."
            )
        return None
    known = float(stated.get(name, 0.0) if value is None else value)
    if not known > 0:
        raise UsageError(f"A field in {units} needs {flag}, a positive number.")
    if name == "field_strength" and not is_field_strength(known):
        raise UsageError(f"{flag} {known:g} cannot be tesla.")
    if name == "echo_time" and not is_echo_time(known):
        raise UsageError(f"{flag} {known:g} cannot be seconds.")
    return known


main = Command(_field_parser, _from_field)
chain = Command(_phase_parser, _from_phase)

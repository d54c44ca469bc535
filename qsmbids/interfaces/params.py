"""Geometry and timing of an acquisition from one JSON file, as QSM-CI hands it over."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qsmbids.errors import InputError
from qsmbids.files import load_json
from qsmbids.physics.units import UNITS, is_echo_time, is_field_strength

KEYS = {
    "voxel_size": ("voxel_size", 3, "three edge lengths in mm, all above zero"),
    "b0_dir": ("B0_dir", 3, "a direction along the voxel axes, not (0, 0, 0)"),
    "echo_times": ("TE", None, "echo times in seconds, 0.5 at most"),
    "field_strength": ("B0", 0, "0.05 to 25 tesla"),
}
"""By field-standard name: the key, how many numbers (None: one or more, 0: a bare one), what."""
_FITS: dict[str, Callable[[Any], bool]] = {
    "voxel_size": lambda edges: min(edges) > 0,
    "b0_dir": any,
    "echo_times": lambda times: all(map(is_echo_time, times)),
    "field_strength": is_field_strength,
}
"""Whether numbers can be meant."""


def read_params(path: Path, *names: str) -> dict[str, Any]:
    """Return what a ``params.json`` says.

    Parameters
    ----------
    path : Path
        An object with ``voxel_size`` (mm), ``B0_dir`` (along the voxel axes), ``TE`` (s) and
        ``B0`` (T), the file of the QSM-CI submission contract.
    *names : str
        Which are needed, keys of ``KEYS``; the others may be missing.

    Returns
    -------
    dict
        By ``names``: a float for the field strength, else a list of float.

    Raises
    ------
    InputError
        If the file cannot be read, or a value is missing or of another kind.
    """
    try:
        content = load_json(path)
    except FileNotFoundError:
        raise InputError(f"{path.name} does not exist.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as JSON: {error}.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path.name} must hold an object.")
    found = {name: _numbers(content.get(KEYS[name][0]), KEYS[name][1]) for name in names}
    for name, value in found.items():
        if value is None or not _FITS[name](value):
            key, _, what = KEYS[name]
            told = repr(content.get(key))[:80]
            raise InputError(f"{path.name}: {key} must be {what}, not {told}.")
    return found


def stated_units(field: Path) -> dict[str, Any]:
    """Return what the sidecar of a field states of its values.

    Parameters
    ----------
    field : Path
        A NIfTI file; its sidecar is the JSON file of the same name beside it.

    Returns
    -------
    dict
        ``units`` (a key of `qsmbids.physics.units.UNITS`), ``field_strength`` (T) and
        ``echo_time`` (s), as far as they are stated; empty without a sidecar.

    Raises
    ------
    InputError
        If the sidecar cannot be read, or states units that a field cannot be in.
    """
    path = field.with_name(field.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    try:
        content = load_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as JSON: {error}.") from error
    stated = content if isinstance(content, dict) else {}
    found: dict[str, Any] = {}
    if "Units" in stated:
        names = {name.lower(): name for name in UNITS}
        units = str(stated["Units"])
        if units.lower() not in names:
            raise InputError(
                f"{path.name}: Units is {units}; a field is in one of {', '.join(UNITS)}. Correct "
                "it, or convert the field."
            )
        found["units"] = names[units.lower()]
    for name, key in (("field_strength", "MagneticFieldStrength"), ("echo_time", "EchoTime")):
        number = _numbers(stated.get(key), 0)
        if number is not None:
            found[name] = number
    return found


def _numbers(value: Any, count: int | None) -> Any:
    """Return the value as float or list of float, None if it is not so many finite numbers."""
    several = value if isinstance(value, list) and count != 0 else [value]
    if count and len(several) != count:
        return None
    try:
        read = [float(each) for each in several]
    except (TypeError, ValueError, OverflowError):
        return None
    if not read or not all(map(math.isfinite, read)):
        return None
    return read[0] if count == 0 else read

"""What stands beside an output: what it is and how it was made, and the course of its fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qsmbids.bids.series import Series
from qsmbids.files import whole_file

# What BIDS wants to know of each kind of output.
KINDS: dict[str, dict[str, Any]] = {
    "Chimap": {
        "Description": "Magnetic susceptibility from gradient-echo phase",
        "Units": "ppm",
        "SkullStripped": True,
    },
    "Uncertainty_Chimap": {
        "Description": "Half-width of the interval meant to hold the true susceptibility with 68 %",
        "Units": "ppm",
        "SkullStripped": True,
    },
    "Before_Chimap": {
        "Description": "Susceptibility by the network as it was before it was fitted to this field",
        "Units": "ppm",
        "SkullStripped": True,
    },
    "Paramagnetic_Chimap": {
        "Description": "Susceptibility of the paramagnetic sources in each voxel, at least 0",
        "Units": "ppm",
        "SkullStripped": True,
    },
    "Diamagnetic_Chimap": {
        "Description": "Susceptibility of the diamagnetic sources in each voxel, at most 0",
        "Units": "ppm",
        "SkullStripped": True,
    },
    "swi_T2starw": {
        "Description": "Susceptibility-weighted image: magnitude times masks of the local field",
        "Units": "arbitrary",
        "SkullStripped": False,
    },
    "minimum_T2starw": {
        "Description": "Minimum of the susceptibility-weighted image over axial slabs",
        "Units": "arbitrary",
        "SkullStripped": True,
    },
    "R2starmap": {
        "Description": "Transverse relaxation rate R2* from gradient-echo magnitude",
        "Units": "1/s",
        "SkullStripped": True,
    },
    "T2starmap": {
        "Description": "Transverse relaxation time T2* from gradient-echo magnitude",
        "Units": "s",
        "SkullStripped": True,
    },
    "S0map": {
        "Description": "Gradient-echo signal extrapolated to echo time 0",
        "Units": "arbitrary",
        "SkullStripped": True,
    },
    "brain_mask": {
        "Description": "Brain, in which the field was estimated",
        "Type": "Brain",
        "SkullStripped": True,
    },
    "eroded_mask": {
        "Description": "Part of the brain in which local field and susceptibility are known",
        "Type": "Brain",
        "SkullStripped": True,
    },
    "reliable_mask": {
        "Description": "Part of the brain whose phase can be trusted; the rest had no weight",
        "Type": "Brain",
        "SkullStripped": True,
    },
    "total_fieldmap": {
        "Description": "Total field, relative to the scanner's frequency",
        "Units": "Hz",
        "SkullStripped": True,
    },
    "local_fieldmap": {
        "Description": "Local field: the total field without that of sources outside the brain",
        "Units": "Hz",
        "SkullStripped": True,
    },
    "registration_T2starw": {
        "Description": "Checkerboard of the first head orientation and the mean of the others, "
        "registered to it",
        "Units": "arbitrary",
        "SkullStripped": False,
    },
    "magnitude": {
        "Description": "Gradient-echo magnitude, on the grid of the field maps",
        "Units": "arbitrary",
        "SkullStripped": False,
    },
}


def sidecar(series: Series, *, kind: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an output's sidecar.

    Parameters
    ----------
    series : Series
        What the output was made from.
    kind : str
        One of ``KINDS``.
    provenance : mapping
        How it was made; stands under ``Qsmbids``.

    Raises
    ------
    ValueError
        If ``kind`` is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of output; choose from: {', '.join(KINDS)}.")
    content: dict[str, Any] = dict(KINDS[kind])
    if series.field_strength is not None:
        content["MagneticFieldStrength"] = series.field_strength
    if series.manufacturer is not None:
        content["Manufacturer"] = series.manufacturer
    if series.echo_times:
        content["EchoTime"] = [*series.echo_times]
    content["Sources"] = list(series.sources)
    content["Qsmbids"] = {**provenance, "Acquisition": dict(series.acquisition)}
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` so that a reader sees the whole file or none, whoever writes at once."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` so that a reader sees the whole file or none; an equal file stays."""
    path = Path(path)
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with whole_file(path) as stream:
        stream.write(text.encode())


def write_curves(path: Path, curves: Mapping[str, Sequence[float]]) -> None:
    """Write curves of equal length; the first row is what the fit started from, iteration 0."""
    rows = ["\t".join(("iteration", *curves))]
    for iteration, values in enumerate(zip(*curves.values(), strict=True)):
        rows.append("\t".join((str(iteration), *(f"{value:.6g}" for value in values))))
    write_text(path, "\n".join(rows) + "\n")


def read_curves(path: Path) -> dict[str, list[float]]:
    """Return the curves of a table; none if it is absent or damaged."""
    try:
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        columns = zip(*([float(text) for text in row.split("\t")] for row in rows), strict=True)
        named = dict(zip(head.split("\t"), map(list, columns), strict=True))
    except (OSError, ValueError):
        return {}
    return {name: values for name, values in named.items() if name != "iteration"}

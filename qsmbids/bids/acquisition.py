"""How a series was measured: what its sidecars say of it that a report repeats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

FIELDS = (
    *("Manufacturer", "ManufacturersModelName", "SoftwareVersions"),
    *("MRAcquisitionType", "SequenceName", "ScanningSequence", "ReceiveCoilName"),
    *("RepetitionTime", "FlipAngle", "PixelBandwidth", "SliceThickness"),
    *("ParallelReductionFactorInPlane", "PartialFourier"),
)
"""Metadata of BIDS that a sidecar of ours repeats under ``Acquisition``."""


def acquisition(metadata: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the first stated value of each of ``FIELDS``: a number, or a text of one line.

    Parameters
    ----------
    metadata : iterable of mapping
        Of the images of a series.
    """
    sidecars = list(metadata)
    found = {name: next(_values(sidecars, name), None) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def _values(sidecars: Iterable[Mapping[str, Any]], name: str) -> Iterator[Any]:
    for one in sidecars:
        value = one.get(name)
        if isinstance(value, str) and value.strip():
            yield " ".join(value.split())[:120]
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield value

"""What an acquisition's images are called in the dataset, and what their sidecars add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qsmbids.bids.names import in_order, join
from qsmbids.dicom.acquisition import Acquisition, difference_times
from qsmbids.dicom.image import Image
from qsmbids.dicom.kinds import DIFFERENCE, FIELD, IMAGINARY, MAGNITUDE, PHASE, REAL

_PARTS = {MAGNITUDE: "mag", PHASE: "phase", REAL: "real", IMAGINARY: "imag"}


@dataclass(frozen=True)
class Output:
    """One image of the dataset.

    Attributes
    ----------
    path : str
        Within the dataset, without extension.
    image : Image
        What is written there.
    fields : mapping
        What the sidecar says beside what the header does.
    without : tuple of str
        Fields of the header that would mislead.
    """

    path: str
    image: Image
    fields: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()


def kind_of(acquisition: Acquisition) -> str:
    """Return the suffix of a gradient echo, or the part that makes it a field map."""
    if acquisition.part in (DIFFERENCE, FIELD):
        return acquisition.part
    return "MEGRE" if len(acquisition.first.images) > 1 else "T2starw"


def protocol_of(acquisition: Acquisition) -> tuple[Any, ...]:
    """Return what tells one protocol from another: neither times nor head position."""
    header = acquisition.images[0].header
    echoes = tuple(round(1000 * t, 1) for t in acquisition.first.echoes if t is not None)
    names = ("RepetitionTime", "FlipAngle", "SliceThickness", "ReconMatrixPE")
    return (echoes, *(round(float(header.get(name) or 0), 2) for name in names))


def outputs(acquisition: Acquisition, entities: Mapping[str, str]) -> Iterable[Output]:
    """Name every image of an acquisition.

    Parameters
    ----------
    acquisition : Acquisition
        Complete.
    entities : mapping
        ``sub``, and ``ses``, ``acq``, ``run`` where there are such.
    """
    folder = "/".join(f"{name}-{entities[name]}" for name in ("sub", "ses") if name in entities)
    if acquisition.part in (DIFFERENCE, FIELD):
        yield from _field_map(acquisition, f"{folder}/fmap/{join(in_order(entities))}")
        return
    suffix = kind_of(acquisition)
    for bundle in (acquisition.first, acquisition.second):
        units = {"Units": "arbitrary"} if bundle.part == PHASE else {}
        for number, image in enumerate(bundle.images, start=1):
            echo = {"echo": f"{number}"} if suffix == "MEGRE" else {}
            named = in_order({**entities, **echo, "part": _PARTS[bundle.part]})
            path = f"{folder}/anat/{join(named)}_{suffix}"
            yield Output(path, image, units, ("EchoTime1", "EchoTime2"))


def _field_map(acquisition: Acquisition, start: str) -> Iterable[Output]:
    image = acquisition.second.images[0]
    difference = acquisition.part == DIFFERENCE
    for number, magnitude in enumerate(acquisition.first.images, start=1):
        yield Output(f"{start}_magnitude{number if difference else ''}", magnitude)
    if difference:
        first, second = difference_times(acquisition)
        times = {"EchoTime1": first, "EchoTime2": second}
        # the echo time that the header states is that of one of the two
        without = ("EchoTime", "EchoNumber")
        yield Output(f"{start}_phasediff", image, {**times, "Units": "arbitrary"}, without)
    else:
        yield Output(f"{start}_fieldmap", image, {"Units": "Hz"})

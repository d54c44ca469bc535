"""One acquisition: the images that belong together, and what is missing of them."""

from __future__ import annotations

from dataclasses import dataclass

from qsmbids.dicom.image import Image
from qsmbids.dicom.kinds import DIFFERENCE, FIELD

AGAIN = "send the series again from the scanner"


@dataclass(frozen=True)
class Bundle:
    """The images of one part within one DICOM series, ordered by echo time."""

    part: str
    images: tuple[Image, ...]

    @property
    def echoes(self) -> tuple[float | None, ...]:
        """Echo times in seconds, to 10 microseconds."""
        times = (image.echo_time for image in self.images)
        return tuple(None if time is None else round(time, 5) for time in times)


@dataclass(frozen=True)
class Acquisition:
    """One acquisition: the bundle that carries the phase, and the one that goes with it."""

    second: Bundle
    first: Bundle

    @property
    def images(self) -> tuple[Image, ...]:
        """Every image of it."""
        return (*self.first.images, *self.second.images)

    @property
    def part(self) -> str:
        """What carries the phase."""
        return self.second.part


def fault(acquisition: Acquisition) -> str | None:
    """Return why an acquisition is incomplete, or nothing."""
    first, second = acquisition.first, acquisition.second
    for bundle in (first, second):
        if len(set(bundle.echoes)) < len(bundle.echoes):
            return f"the {bundle.part} holds the same echo time twice, as a repeated volume would"
    if second.part == FIELD:
        return None
    return (
        _difference_fault(acquisition) if second.part == DIFFERENCE else _echo_fault(first, second)
    )


def _difference_fault(acquisition: Acquisition) -> str | None:
    if len(acquisition.second.images) > 1 or len(acquisition.first.images) > 2:
        return "more images than the two magnitudes and the phase difference of a field map"
    if len(difference_times(acquisition)) != 2:
        return "the two echo times of the phase difference are unknown"
    return None


def _echo_fault(first: Bundle, second: Bundle) -> str | None:
    if None in first.echoes or None in second.echoes:
        return "an echo time is missing in the DICOM"
    for one, other in ((first, second), (second, first)):
        for time in one.echoes:
            if time not in other.echoes:
                echo = f"the echo at {1000 * (time or 0):g} ms"
                return f"{echo} has a {one.part} but no {other.part}; {AGAIN}"
    return None


def difference_times(acquisition: Acquisition) -> tuple[float, ...]:
    """Return the two echo times in seconds between which a phase difference was taken."""
    header = acquisition.second.images[0].header
    stated = (header.get("EchoTime1"), header.get("EchoTime2"))
    if all(isinstance(t, (int, float)) for t in stated):
        return tuple(sorted(float(t) for t in stated if t is not None))
    return tuple(t for image in acquisition.first.images if (t := image.echo_time))

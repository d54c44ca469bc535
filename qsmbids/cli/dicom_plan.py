"""How the plan of a conversion is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from qsmbids.dicom import Entry, Image, Plan

SHOWN = 3
"""How many images of an acquisition are listed by name."""


def plan_lines(plan: Plan) -> Iterable[str]:
    """Return the plan, a participant at a time, then what is left out and why."""
    for participant, persons in plan.persons.items():
        ids = sorted({person.patient_id or "(none)" for person in persons})
        yield f"sub-{participant}  (PatientID {', '.join(ids)})"
        for (name, session), day in plan.days.items():
            if name == participant:
                yield from _session(plan, name, session, day)
        for left in plan.left_out:
            if left.participant == participant:
                yield f"  left out: {series_of([left.image])}{_title(left.image)}: {left.reason}"
    for left in plan.left_out:
        if not left.participant:
            series = f"{series_of([left.image])}{_title(left.image)}"
            who = left.image.text("PatientID") or "(none)"
            yield f"left out: PatientID {who}, {series}: {left.reason}"
    yield from (f"Warning: {text}" for text in plan.warnings)


def summary(plan: Plan, failed: Sequence[tuple[Entry, str]], target: Path) -> str:
    """Return the last line: what was written, and the command that goes on from there."""
    good = [entry for entry in plan.entries if entry not in [bad for bad, _ in failed]]
    if not good:
        return "Nothing was written."
    folders = {Path(entry.outputs[0].path).parent.name for entry in good}
    chosen = "all" if len(folders) > 1 else folders.pop()
    option = "" if chosen == "anat" else f" --input {chosen}"
    people = len({entry.participant for entry in good})
    return (
        f"Wrote {len(good)} series of {people} participant{'s' * (people > 1)} to {target}. "
        f"Next: qsmbids {target} OUTPUT participant{option}"
    )


def series_of(images: Iterable[Image]) -> str:
    """Name the DICOM series of images by their numbers."""
    numbers = dict.fromkeys(str(image.series) for image in images)
    return f"series {' and '.join(numbers)}"


def _session(plan: Plan, participant: str, session: str, day: str) -> Iterable[str]:
    if session:
        yield f"  ses-{session}  ({day or 'no date'})"
    for entry in plan.entries:
        if (entry.participant, entry.session) == (participant, session):
            yield from _entry(entry)


def _entry(entry: Entry) -> Iterable[str]:
    images = entry.acquisition.images
    times = ", ".join(f"{1000 * t:g}" for t in entry.acquisition.first.echoes if t is not None)
    echoes = f", TE {times} ms" if times else ""
    yield f"  {series_of(images)}{_title(images[0])}{echoes}"
    paths = [output.path for output in entry.outputs]
    if len(paths) > SHOWN:
        paths = [paths[0], f"... {len(paths)} images to {Path(paths[-1]).name}"]
    yield from (f"    {path}" for path in paths)


def _title(image: Image) -> str:
    text = image.text("SeriesDescription") or image.text("ProtocolName")
    return f" ({text})" if text else ""

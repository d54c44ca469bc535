"""How the plan of a conversion is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from qsmbids.dicom import Entry, Image, Plan


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
                yield f"  left out: series {left.image.series}{_title(left.image)}: {left.reason}"
    yield from (f"left out: {left.reason}" for left in plan.left_out if not left.participant)
    yield from (f"Warning: {text}" for text in plan.warnings)


def summary(plan: Plan, failed: Sequence[tuple[Entry, str]], target: Path) -> str:
    """Return the last line: what was written, and the command that goes on from there."""
    good = [entry for entry in plan.entries if entry not in [bad for bad, _ in failed]]
    if not good:
        return "Nothing was written."
    fmap = all("/fmap/" in entry.outputs[0].path for entry in good)
    people = len({entry.participant for entry in good})
    return (
        f"Wrote {len(good)} series of {people} participant{'s' * (people > 1)} to {target}. "
        f"Next: qsmbids {target} OUTPUT participant{' --input fmap' if fmap else ''}"
    )


def _session(plan: Plan, participant: str, session: str, day: str) -> Iterable[str]:
    if session:
        yield f"  ses-{session}  ({day or 'no date'})"
    for entry in plan.entries:
        if (entry.participant, entry.session) == (participant, session):
            yield from _entry(entry)


def _entry(entry: Entry) -> Iterable[str]:
    images = entry.acquisition.images
    numbers = list(dict.fromkeys(str(image.series) for image in images))
    times = ", ".join(f"{1000 * t:g}" for t in entry.acquisition.first.echoes if t is not None)
    echoes = f", TE {times} ms" if times else ""
    yield f"  series {' and '.join(numbers)}{_title(images[0])}{echoes}"
    yield from (f"    {output.path}" for output in entry.outputs)


def _title(image: Image) -> str:
    text = image.text("SeriesDescription") or image.text("ProtocolName")
    return f" ({text})" if text else ""

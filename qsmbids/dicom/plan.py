"""The plan: what is written under which name, and what is left out and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qsmbids.dicom.labels import Labels, Person, persons_of, sessions_of
from qsmbids.dicom.names import Output, kind_of, outputs, protocol_of
from qsmbids.dicom.pair import Acquisition, fault, pair
from qsmbids.dicom.scan import Image
from qsmbids.errors import UsageError


@dataclass(frozen=True)
class Entry:
    """One acquisition under its names."""

    participant: str
    session: str
    acquisition: Acquisition
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class LeftOut:
    """A series that is not written, and why; ``broken`` where it was made for QSM."""

    participant: str
    image: Image
    reason: str
    broken: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be done.

    Attributes
    ----------
    entries : tuple of Entry
        What is written.
    left_out : tuple of LeftOut
        What is not.
    persons : mapping
        From a participant's label to whom the headers name.
    days : mapping
        From participant and session to the day of acquisition.
    warnings : tuple of str
        What the user should look at.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    persons: Mapping[str, tuple[Person, ...]]
    days: Mapping[tuple[str, str], str]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Visit:
    participant: str
    session: str
    acquisition: Acquisition


def make_plan(images: Sequence[Image], labels: Labels | None = None) -> Plan:
    """Name participants, sessions and acquisitions.

    Parameters
    ----------
    images : sequence of Image
        What `scan` found.
    labels : Labels, optional
        What the user wants them to be called.

    Raises
    ------
    UsageError
        If labels and what was found do not go together.
    """
    labels = labels or Labels()
    persons = persons_of(images)
    named = labels.name(persons)
    members: dict[str, list[Image]] = defaultdict(list)
    left: list[LeftOut] = []
    for image in images:
        person = Person.of(image)
        if person in named:
            members[named[person]].append(image)
    for person in persons:
        if person not in named:
            first = next(image for image in images if Person.of(image) == person)
            why = f"PatientID {person.patient_id or '(none)'} is not in the table of --map"
            left.append(LeftOut("", first, why))
    visits = {name: sessions_of(found) for name, found in sorted(members.items())}
    sessions = _session_labels(visits, labels.sessions)
    days, found = {}, []
    for name, visit in visits.items():
        for session, (day, of_day) in zip(sessions, visit, strict=False):
            days[name, session] = day
            acquisitions, rest = pair(of_day)
            left += [LeftOut(name, image, why) for image, why in rest]
            for acquisition in acquisitions:
                wrong = fault(acquisition)
                if wrong:
                    left.append(LeftOut(name, acquisition.images[0], wrong, broken=True))
                else:
                    found.append(_Visit(name, session, acquisition))
    who = {n: tuple(p for p in persons if named.get(p) == n) for n in visits}
    return Plan(tuple(_named(found)), tuple(left), who, days, tuple(_warnings(persons)))


def _session_labels(visits: Mapping[str, Sequence[Any]], given: Sequence[str]) -> Sequence[str]:
    most = max((len(visit) for visit in visits.values()), default=0)
    if given and len(given) != most:
        raise UsageError(
            f"--session-label names {len(given)}, a participant has {most} in the DICOM; give as "
            "many labels, in order of date."
        )
    return given or ([f"{n + 1}" for n in range(most)] if most > 1 else [""])


def _warnings(persons: Sequence[Person]) -> Iterable[str]:
    if any(not (person.patient_id or person.name) for person in persons):
        yield (
            "headers without PatientID and name: all of them are taken as one participant; "
            "if they are several, convert each one's folder with --participant-label."
        )
    for patient_id, count in Counter(person.patient_id for person in persons).items():
        if count > 1 and patient_id:
            yield (
                f"PatientID {patient_id} stands for {count} names or birth dates: they are taken "
                "as as many participants; --map gives them one label if they are one person."
            )


def _named(visits: Sequence[_Visit]) -> Iterable[Entry]:
    """Add acq labels where protocols differ within a session, runs where one is repeated."""
    protocols: dict[str, list[Any]] = defaultdict(list)
    in_session: dict[tuple[str, str, str], set[Any]] = defaultdict(set)
    repeats: Counter[Any] = Counter()
    keys = [(v.participant, v.session, kind_of(v.acquisition)) for v in visits]
    of = [protocol_of(v.acquisition) for v in visits]
    for key, protocol in zip(keys, of, strict=True):
        if protocol not in protocols[key[-1]]:
            protocols[key[-1]].append(protocol)
        in_session[key].add(protocol)
        repeats[key, protocol] += 1
    several = {key[-1] for key, found in in_session.items() if len(found) > 1}
    count: Counter[Any] = Counter()
    for visit, key, protocol in zip(visits, keys, of, strict=True):
        participant, session, kind = key
        count[key, protocol] += 1
        entities = {"sub": participant, "ses": session}
        if kind in several:
            entities["acq"] = f"{protocols[kind].index(protocol) + 1}"
        if repeats[key, protocol] > 1:
            entities["run"] = f"{count[key, protocol]}"
        named = {name: value for name, value in entities.items() if value}
        files = tuple(outputs(visit.acquisition, named))
        yield Entry(participant, session, visit.acquisition, files)

"""The plan: what is written under which name, and what is left out and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from qsmbids.dicom.acquisition import Acquisition, fault
from qsmbids.dicom.image import Image
from qsmbids.dicom.labels import Labels, Person, persons_of, sessions_of
from qsmbids.dicom.names import Output, kind_of, outputs, protocol_of
from qsmbids.dicom.pair import pair
from qsmbids.errors import UsageError

_Day: TypeAlias = tuple[str, list[Acquisition], list[tuple[Image, str]]]
"""A day, what was acquired, and what is no part of an acquisition and why."""


@dataclass(frozen=True)
class Visit:
    """One acquisition of a participant."""

    participant: str
    session: str
    acquisition: Acquisition


@dataclass(frozen=True)
class Entry(Visit):
    """One acquisition under its names."""

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
    groups = labels.group(persons)
    known = {person for group in groups for person in group}
    paired = {group: _paired(group, images) for group in groups}
    # only who is written takes a label, and only days that are
    named = labels.name([group for group, visits in paired.items() if any(v[1] for v in visits)])
    left = [
        LeftOut("", next(i for i in images if Person.of(i) == p), "not in the table of --map")
        for p in persons
        if p not in known
    ]
    days: dict[tuple[str, str], str] = {}
    found: list[Visit] = []
    visits = {g: [visit for visit in v if visit[1]] for g, v in paired.items() if g in named}
    sessions = _session_labels(visits.values(), labels.sessions)
    for group, name in named.items():
        for session, (day, acquisitions, _) in zip(sessions, visits[group], strict=False):
            days[name, session] = day
            found += [Visit(name, session, a) for a in acquisitions if not fault(a)]
    for group, of_group in paired.items():
        name = named.get(group, "")
        for _, acquisitions, rest in of_group:
            left += [LeftOut(name, image, why) for image, why in rest]
            faults = ((a.images[0], fault(a)) for a in acquisitions)
            left += [LeftOut(name, image, why, broken=True) for image, why in faults if why]
    who = {name: group for group, name in named.items()}
    return Plan(tuple(_named(found)), tuple(left), who, days, tuple(_warnings(persons)))


def _paired(group: Sequence[Person], images: Iterable[Image]) -> list[_Day]:
    of_group = [image for image in images if Person.of(image) in group]
    return [(day, *pair(of_day)) for day, of_day in sessions_of(of_group)]


def _session_labels(visits: Iterable[Sequence[_Day]], given: Sequence[str]) -> Sequence[str]:
    most = max((len(days) for days in visits), default=0)
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


def _named(visits: Sequence[Visit]) -> Iterable[Entry]:
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

"""Who is who: participants and sessions, and what they are called in the dataset."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qsmbids.dicom.image import Image
from qsmbids.errors import InputError, UsageError

PATIENT, PARTICIPANT = "patient_id", "participant_id"


@dataclass(frozen=True)
class Person:
    """Whom the headers name. Two names or birth dates under one PatientID are two persons."""

    patient_id: str
    name: str
    born: str

    @classmethod
    def of(cls, image: Image) -> Person:
        """Read whom an image is of; spelling of the name counts by its letters alone."""
        name = re.sub(r"[\W_]+", "", image.text("PatientName").casefold())
        return cls(image.text("PatientID"), name, image.text("PatientBirthDate"))


@dataclass(frozen=True)
class Labels:
    """How the command names participants and sessions.

    Attributes
    ----------
    participants : tuple of str
        Labels in the order of the plan; empty: 01, 02, and so on.
    sessions : tuple of str
        Labels in order of date; empty: 1, 2, and so on where there are several.
    table : mapping
        From PatientID to label; persons that it leaves out are left out.
    """

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    table: Mapping[str, str] | None = None

    @property
    def chosen(self) -> bool:
        """Whether the user named the participants."""
        return bool(self.participants) or self.table is not None

    def group(self, persons: Sequence[Person]) -> list[tuple[Person, ...]]:
        """Return who is one participant: those whom the table gives one label."""
        if self.table is None:
            return [(person,) for person in persons]
        groups: dict[str, list[Person]] = defaultdict(list)
        for person in persons:
            if person.patient_id in self.table:
                groups[self.table[person.patient_id]].append(person)
        return [tuple(groups[name]) for name in sorted(groups)]

    def name(self, groups: Sequence[tuple[Person, ...]]) -> dict[tuple[Person, ...], str]:
        """Return each participant's label.

        Raises
        ------
        UsageError
            If there are more or fewer labels than participants.
        """
        if self.table is not None:
            return {group: self.table[group[0].patient_id] for group in groups}
        labels = self.participants or tuple(f"{n + 1:02d}" for n in range(len(groups)))
        if len(labels) != len(groups):
            found = _shown(group[0].patient_id for group in groups)
            raise UsageError(
                f"--participant-label names {len(labels)}, the DICOM holds {len(groups)} with "
                f"something to convert{found}; give as many labels, or a table with --map."
            )
        return dict(zip(groups, labels, strict=True))


def persons_of(images: Iterable[Image]) -> list[Person]:
    """Return everyone in the headers, in the order of their PatientID."""

    def by_number(person: Person) -> tuple[object, ...]:
        digits = re.split(r"(\d+)", person.patient_id)
        return ([(int(d), "") if d.isdigit() else (0, d) for d in digits], person.born, person.name)

    return sorted({Person.of(image) for image in images}, key=by_number)


def sessions_of(images: Iterable[Image]) -> list[tuple[str, list[Image]]]:
    """Return the visits of one participant in order: the day, and what was measured.

    Studies of the same day are one visit; without dates each study is one.
    """
    studies: dict[str, list[Image]] = defaultdict(list)
    for image in images:
        studies[image.text("StudyInstanceUID")].append(image)
    visits: dict[str, tuple[str, list[Image]]] = {}
    for uid, members in studies.items():
        day = min((image.date for image in members if image.date), default="")
        visits.setdefault(day or uid, (day, []))[1].extend(members)
    return [visits[key] for key in sorted(visits)]


def read_table(path: Path) -> dict[str, str]:
    """Read a tab-separated table with the columns ``patient_id`` and ``participant_id``.

    Raises
    ------
    InputError
        If the table cannot be read or misses a column.
    UsageError
        If a label has other than letters and digits.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [
                {(k or "").strip(): (v or "").strip() for k, v in row.items() if isinstance(v, str)}
                for row in csv.DictReader(file, delimiter="\t")
            ]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a table of text.") from error
    if not rows or not {PATIENT, PARTICIPANT} <= set(rows[0]):
        raise InputError(
            f"{path}: needs a row and the columns {PATIENT} and {PARTICIPANT}, separated by tabs."
        )
    return {row[PATIENT]: label(row[PARTICIPANT], "sub") for row in rows if row.get(PATIENT)}


def labels_of(texts: Sequence[str], entity: str) -> tuple[str, ...]:
    """Return labels without their ``sub-`` or ``ses-``; each may stand for one alone.

    Raises
    ------
    UsageError
        If one has other than letters and digits, or stands there twice.
    """
    found = tuple(label(text, entity) for text in texts)
    if len(set(found)) < len(found):
        raise UsageError(f"a {entity} label is given twice: {', '.join(found)}.")
    return found


def label(text: str, entity: str) -> str:
    """Return a label without its ``sub-`` or ``ses-``.

    Raises
    ------
    UsageError
        If it has other than letters and digits.

    Examples
    --------
    >>> label("sub-01", "sub")
    '01'
    """
    bare = text.removeprefix(f"{entity}-")
    if not re.fullmatch(r"[A-Za-z0-9]+", bare):
        raise UsageError(f"{text!r} is no BIDS label; use letters and digits alone.")
    return bare


def _shown(ids: Iterable[str]) -> str:
    text = ", ".join(f"PatientID {one}" if one else "no PatientID" for one in ids)
    return f" ({text})" if text else ""

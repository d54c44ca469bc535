"""``qsmbids-dicom``: from a scanner's DICOM files to a BIDS dataset."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qsmbids.cli.arguments import add, add_other
from qsmbids.cli.command import Command
from qsmbids.cli.hints import Parser
from qsmbids.errors import InputError

if TYPE_CHECKING:
    from qsmbids.dicom import Entry, Image, Labels, Plan


SHOWN = 3
"""How many images of an acquisition are listed by name."""


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qsmbids-dicom",
        description="Find the gradient echoes and field maps among DICOM files and write them as a "
        "BIDS dataset, without what identifies a person.",
        epilog="The plan names PatientIDs and dates, so that you know who is who; the dataset "
        "has neither. Images show the face.",
    )
    parser.add_argument("dicom_dir", type=Path, help="folder of DICOM files, or a .zip or .tar.gz")
    parser.add_argument("bids_dir", type=Path, help="the dataset; new, empty, or to be added to")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and write nothing")
    who = parser.add_mutually_exclusive_group()
    each = "one a participant, in the order of the plan (default: 01, 02, ...)"
    add(who, "--participant-label", help=each)
    who.add_argument(
        "--map",
        type=Path,
        metavar="TSV",
        help="table with the columns patient_id and participant_id; others are left out",
    )
    each = "one a session, in order of date (default: 1, 2, ... where there are several)"
    add(parser, "--session-label", help=each)
    add_other(parser)
    return parser


def _run(arguments: argparse.Namespace) -> None:
    from qsmbids.dicom import check_target, make_plan, opened, scan, write_dataset

    labels = _labels(arguments)
    target: Path = arguments.bids_dir
    with opened(arguments.dicom_dir) as folder:
        plan = make_plan(scan(folder), labels)
        print("\n".join(plan_lines(plan)), flush=True)
        check_target(plan, target, chosen=labels.chosen)
        if not plan.entries:
            raise InputError(
                f"{arguments.dicom_dir}: nothing to convert; the lines above say why each series "
                "is left out"
            )
        if arguments.dry_run:
            print("Nothing was written (--dry-run).")
            return
        failed = write_dataset(folder, plan, target, done=_say)
    _end(plan, failed, summary(plan, failed, target))


def _labels(arguments: argparse.Namespace) -> Labels:
    from qsmbids.dicom.labels import Labels, labels_of, read_table

    return Labels(
        labels_of(arguments.participant_label, "sub"),
        labels_of(arguments.session_label, "ses"),
        read_table(arguments.map) if arguments.map else None,
    )


def _say(entry: Entry) -> None:
    names = [Path(output.path).name for output in entry.outputs]
    print(f"wrote {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else ""))


def _end(plan: Plan, failed: Sequence[tuple[Entry, str]], last: str) -> None:
    print(last)
    broken = [f"{series_of([left.image])}: {left.reason}" for left in plan.left_out if left.broken]
    broken += [f"{series_of(entry.acquisition.images)}: {why}" for entry, why in failed]
    if broken:
        raise InputError("; ".join(broken))


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


main = Command(_parser, _run)

"""``qsmbids-dicom``: from a scanner's DICOM files to a BIDS dataset."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qsmbids import __version__
from qsmbids.cli.command import finish
from qsmbids.errors import InputError

if TYPE_CHECKING:
    from qsmbids.dicom import Entry, Labels, Plan


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 where something failed, 2 for a bad command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.
    """
    arguments = _parser().parse_args(argv)
    return finish("qsmbids-dicom", lambda: _run(arguments), verbose=arguments.verbose)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
    who.add_argument(
        "--participant-label",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="one a participant, in the order of the plan (default: 01, 02, ...)",
    )
    who.add_argument(
        "--map",
        type=Path,
        metavar="TSV",
        help="table with the columns patient_id and participant_id; others are left out",
    )
    parser.add_argument(
        "--session-label",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="one a session, in order of date (default: 1, 2, ... where there are several)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show where an error is from")
    parser.add_argument("--version", action="version", version=f"qsmbids {__version__}")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    from qsmbids.cli.dicom_plan import plan_lines, summary
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
    from qsmbids.cli.dicom_plan import series_of

    print(last)
    broken = [f"{series_of([left.image])}: {left.reason}" for left in plan.left_out if left.broken]
    broken += [f"{series_of(entry.acquisition.images)}: {why}" for entry, why in failed]
    if broken:
        raise InputError("; ".join(broken))

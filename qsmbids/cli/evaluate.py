"""``qsmbids BIDS OUT evaluate``: its command line, and what is told of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qsmbids.cli import values
from qsmbids.cli.arguments import add, add_other
from qsmbids.cli.levels import parse_level
from qsmbids.errors import UsageError
from qsmbids.evaluation.study.job import EvaluationJob

if TYPE_CHECKING:
    from qsmbids.evaluation.study.maps import Scan
    from qsmbids.evaluation.study.stack import Stack
    from qsmbids.evaluation.study.tables import Row

PICTURED = 4
"""Series whose maps are shown: the page must stay small."""
_EPILOG = """\
Tables, figures and provenance go to OUT/evaluation; open evaluation.html first. Exit codes: 0 every
map was measured, 1 some were not (the table says why), 2 the command cannot be understood.
"""


def parse_evaluation(argv: Sequence[str] | None = None) -> EvaluationJob:
    """Return the evaluation that a command line asks for; raises `UsageError` if it cannot be."""
    args = parse_level(
        argv,
        level_options(),
        ["evaluate"],
        description="Compare the susceptibility maps of several methods with a reference.",
        epilog=_EPILOG,
        about=("the dataset", "the results whose maps are measured", "this level"),
    )
    for name in ("bids_dir", "reference", "regions"):
        folder = getattr(args, name)
        if folder is not None and not folder.is_dir():
            option = "" if name == "bids_dir" else f"--{name} "
            raise UsageError(f"{option}{folder} is not a folder; give the path of a dataset.")
    desc = args.reference_desc
    return EvaluationJob(
        bids_dir=args.bids_dir.resolve(),
        output_dir=args.output_dir.resolve(),
        maps=values.derivatives(args.maps, "--maps"),
        reference=args.reference and args.reference.resolve(),
        reference_desc=desc and desc.removeprefix("desc-"),
        methods=tuple(dict.fromkeys(args.method)),
        regions=args.regions and args.regions.resolve(),
        participants=values.labels(args.participant_label, "sub-"),
        sessions=values.labels(args.session_label, "ses-"),
    )


def level_options() -> argparse.ArgumentParser:
    """Return a parser of the options of the level `evaluate` alone."""
    options = argparse.ArgumentParser(prog="qsmbids", add_help=False)
    maps = options.add_argument_group("what to compare")
    maps.add_argument(
        "--maps",
        nargs="+",
        action="extend",
        default=[],
        metavar="[NAME=]PATH",
        help="derivatives with more maps (*_Chimap) to compare with those of OUT",
    )
    only = "only these methods (default: all that made maps)"
    add(maps, "--method", nargs="+", default=[], help=only)
    add(maps, "--participant-label")
    add(maps, "--session-label")
    reference = options.add_argument_group("what with")
    reference.add_argument(
        "--reference",
        type=Path,
        metavar="PATH",
        help="derivatives, or the dataset, with the reference maps (default: those found in BIDS, "
        "its derivatives or OUT under desc-truth, desc-cosmos or desc-reference)",
    )
    reference.add_argument(
        "--reference-desc",
        metavar="LABEL",
        help="their desc label, such as cosmos; needed for any other label",
    )
    reference.add_argument(
        "--regions",
        type=Path,
        metavar="PATH",
        help="derivatives with label images (*_dseg and dseg.tsv), for the measures of single "
        "regions (default: those beside the references)",
    )
    other = options.add_argument_group("other")
    add(other, "--config-file")
    add_other(other)
    return options


def run_evaluation(job: EvaluationJob) -> int:
    """Measure and compare maps, write the page, and return 0, or 1 if some were not measured."""
    from qsmbids.evaluation.study.default import why_not_default
    from qsmbids.evaluation.study.run import run_study
    from qsmbids.reports.evaluation import write_evaluation_page
    from qsmbids.reports.evaluation_gallery import Gallery, draw_gallery

    galleries: list[Gallery] = []

    def tell(scan: Scan, rows: Sequence[Row], stack: Stack | None, progress: str) -> None:
        if stack is not None and len(galleries) < PICTURED:
            galleries.append(draw_gallery(scan.key, stack))
        _tell(scan, rows, progress)

    study = run_study(job, tell)
    if told := why_not_default(study):
        print(told)
    page = write_evaluation_page(job.folder, study, galleries)
    print(f"{len(study.rows) - study.failed} maps measured, {study.failed} not; open {page}")
    return int(bool(study.failed))


def _tell(scan: Scan, rows: Sequence[Row], progress: str) -> None:
    from qsmbids.evaluation.study.tables import FAILED, OK

    print(f"{scan.key}: {sum(row.status == OK for row in rows)} maps measured ({progress})")
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.status == FAILED:
            reasons.setdefault(row.message, []).append(row.method)
    for reason, methods in reasons.items():
        print(f"{scan.key}, {', '.join(methods)}: {reason}", file=sys.stderr)

"""The command line of ``qsmbids BIDS OUT evaluate``, turned into an `EvaluationJob`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qsmbids import __version__
from qsmbids.cli import values
from qsmbids.cli.config import with_config
from qsmbids.cli.parser import level_parser
from qsmbids.errors import UsageError

_EPILOG = """\
Tables, figures and provenance go to OUT/evaluation; open evaluation.html first. Exit codes: 0 every
map was measured, 1 some were not (the table says why), 2 the command cannot be understood.
"""


@dataclass(frozen=True)
class EvaluationJob:
    """What one evaluation was asked to do.

    Attributes
    ----------
    bids_dir, output_dir : Path
        The dataset; the output folder, whose maps are measured.
    maps : mapping of str to Path
        Further derivatives with maps to measure, by name.
    reference : Path or None
        The folder that holds the references; None: look for them.
    reference_desc : str or None
        The ``desc`` label of the references; None: any that tells a reference.
    methods : tuple of str
        Methods to compare; all by default.
    regions : Path or None
        The folder that holds label images; None: that of the references.
    participants, sessions : tuple of str
        Labels; all by default.
    """

    bids_dir: Path
    output_dir: Path
    maps: Mapping[str, Path] = field(default_factory=dict)
    reference: Path | None = None
    reference_desc: str | None = None
    methods: tuple[str, ...] = ()
    regions: Path | None = None
    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.output_dir / "evaluation"


def parse_evaluation(argv: Sequence[str] | None = None) -> EvaluationJob:
    """Return what the command line asks for.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Raises
    ------
    UsageError
        If it asks for something impossible.
    SystemExit
        From ``argparse``: after ``--help``, ``--version`` or an argument it cannot read.
    """
    options = level_options()
    parser = level_parser(
        options,
        "Compare the susceptibility maps of several methods with a reference.",
        _EPILOG,
    )
    add = parser.add_argument
    add("bids_dir", type=Path, metavar="BIDS", help="the dataset")
    add("output_dir", type=Path, metavar="OUT", help="the results whose maps are measured")
    add("level", choices=["evaluate"], help="this level")
    return _to_job(with_config(parser, options, argv))


def level_options() -> argparse.ArgumentParser:
    """Return a parser of the options of the level `evaluate` alone."""
    options = argparse.ArgumentParser(prog="qsmbids", add_help=False)
    add = options.add_argument_group("what to compare").add_argument
    add("--maps", nargs="+", action="extend", default=[], metavar="[NAME=]PATH",
        help="derivatives with more maps (*_Chimap) to compare with those of OUT")  # fmt: skip
    add("--method", nargs="+", default=[], metavar="NAME",
        help="only these methods (default: all that made maps)")  # fmt: skip
    add("--participant-label", "--participant_label", nargs="+", default=[], metavar="LABEL",
        help="only these participants, with or without 'sub-'")  # fmt: skip
    add("--session-label", "--session_label", nargs="+", default=[], metavar="LABEL",
        help="only these sessions, with or without 'ses-'")  # fmt: skip
    add = options.add_argument_group("what with").add_argument
    add("--reference", type=Path, metavar="PATH",
        help="derivatives, or the dataset, with the reference maps (default: those found in BIDS, "
        "its derivatives or OUT under desc-truth, desc-cosmos or desc-reference)")  # fmt: skip
    add("--reference-desc", metavar="LABEL",
        help="their desc label, such as cosmos; needed for any other label")  # fmt: skip
    add("--regions", type=Path, metavar="PATH",
        help="derivatives with label images (*_dseg and dseg.tsv), for the measures of single "
        "regions (default: those beside the references)")  # fmt: skip
    other = options.add_argument_group("other")
    other.add_argument(
        "--config-file", type=Path, metavar="TOML",
        help="options from a file; the command line wins",
    )  # fmt: skip
    other.add_argument("--version", action="version", version=f"qsmbids {__version__}")
    other.add_argument(
        "-v", "--verbose", action="count", default=0, help="show where an error comes from"
    )
    return options


def _to_job(args: argparse.Namespace) -> EvaluationJob:
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

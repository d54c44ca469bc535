"""The command line of the levels ``participant`` and ``group``, turned into `Settings`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from qsmbids.cli.arguments import BESIDE, DATA, PROCESSING, RUNNING, add, add_all, add_other
from qsmbids.cli.help_methods import HelpMethods
from qsmbids.cli.levels import parse_level
from qsmbids.cli.resolve import to_settings
from qsmbids.inversion import COMBINATIONS, DEFAULT
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.settings import ATLAS_SPACE, DEEP_GREY, SPACE, WHOLE_MASK, Settings

_EPILOG = """\
Exit codes: 0 all is well, 1 something failed, 2 the command cannot be carried out, 3 a check is red
(--strict), 130 stopped.
Every option may stand in a TOML file given with --config-file, under its name without dashes.
"""
_LEVEL = (
    "participant: make the maps; group: write the page and the tables of all; train: train a "
    "network; evaluate: compare maps with a reference; see qsmbids BIDS OUT train --help and "
    "qsmbids BIDS OUT evaluate --help. For a cluster: qsmbids slurm --help"
)
_MODES = {
    "dry-run": "print what would be done, and do nothing",
    "reports-only": "write the participants' pages anew from the results, compute nothing",
    "boilerplate-only": "write the methods text with its citations, compute nothing",
}


def parse(argv: Sequence[str] | None = None) -> Settings:
    """Return the settings that a command line asks for.

    Raises `UsageError` for what is impossible, `InputError` for weights that cannot be used.
    """
    from qsmbids.workflows.weights import with_digests

    return with_digests(read(argv))


def read(argv: Sequence[str] | None = None) -> Settings:
    """Return the settings that a command line asks for, without the digests of weights.

    Raises `UsageError` for what is impossible.
    """
    args = parse_level(
        argv,
        level_options(),
        ["participant", "group", "train", "evaluate"],
        description="Susceptibility maps from every gradient-echo series of a BIDS dataset.",
        epilog=_EPILOG,
        about=("the dataset", "where the results go", _LEVEL),
    )
    return to_settings(args)


def level_options() -> argparse.ArgumentParser:
    """Return a parser of the options of the levels `participant` and `group` alone."""
    options = argparse.ArgumentParser(prog="qsmbids", add_help=False)
    data = options.add_argument_group("which data")
    add_all(data, DATA)
    data.add_argument(
        "--input",
        choices=["anat", "fmap", "all"],
        default="anat",
        help="which raw data; anat: gradient echoes in anat/ (default); fmap: field maps in fmap/, "
        "by phase, phase difference or fieldmap; all: both",
    )
    data.add_argument(
        "--start",
        choices=["auto", "raw", "total-field", "local-field"],
        default="auto",
        help="what to start from; auto: raw data where there are any",
    )
    processing = options.add_argument_group("how to process")
    names = [*INVERSION, *COMBINATIONS]
    add(
        processing,
        "--method",
        nargs="+",
        choices=names,
        default=[DEFAULT],
        help=f"inversion, one map each: {', '.join(names)} (default: {DEFAULT}); cosmos makes one "
        "map of all head orientations of a participant",
    )
    several = {"nargs": "+", "action": "extend", "default": []}
    add(processing, "--weights", metavar="[METHOD=]FILE", **several)
    add(processing, "--preset")
    add_all(processing, PROCESSING)
    add_all(processing, BESIDE)
    processing.add_argument(
        "--no-fieldmaps", action="store_true", help="do not write total and local field maps"
    )
    _add_regions(options.add_argument_group("regions"))
    running = options.add_argument_group("how to run")
    add_all(running, RUNNING)
    running.add_argument(
        "--strict",
        action="store_true",
        help="end with exit code 3 if a check of a map, as its page shows them, is red",
    )
    add(running, "--device")
    other = options.add_argument_group("other")
    modes = other.add_mutually_exclusive_group()
    for mode, text in _MODES.items():
        how: dict[str, Any] = {"action": "store_const", "const": mode, "default": "run"}
        modes.add_argument(f"--{mode}", dest="mode", help=text, **how)
    other.add_argument(
        "--missing",
        action="store_true",
        help="with --dry-run: print the labels of the participants of whom something is not done, "
        "a line each, and nothing else",
    )
    other.add_argument(
        "--help-methods",
        action=HelpMethods,
        help="list every method with its options, their meaning and defaults, and end",
    )
    add_other(other, "say more; -vv: Nipype's log too")
    return options


def _add_regions(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--segmentation",
        action="store_true",
        help="measure the regions of a segmentation by FreeSurfer, FastSurfer or SynthSeg that "
        "--derivatives hold",
    )
    group.add_argument(
        "--atlas",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"measure the regions of an atlas that is brought to each participant; {DEEP_GREY}: "
        "deep grey nuclei, splenium and csf, which the package ships; another name: an atlas that "
        f"TemplateFlow has in {ATLAS_SPACE} (NAME:DESC where it has several), downloaded once",
    )
    group.add_argument(
        "--output-spaces",
        nargs="+",
        default=[],
        metavar="TEMPLATE",
        help=f"bring susceptibility, its uncertainty and R2* into the space of {SPACE}, which the "
        f"package has, or of a template that TemplateFlow has, such as {ATLAS_SPACE}",
    )
    group.add_argument(
        "--reference",
        metavar="REGION",
        default=WHOLE_MASK,
        help="what susceptibility is relative to; mask: the mean over the whole map (default); "
        "csf: the fluid in the ventricles; or a region's name, such as splenium",
    )

"""The command line of the levels ``participant`` and ``group``, turned into `Settings`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from qsmbids import __version__
from qsmbids.background import DEFAULT as DEFAULT_BACKGROUND
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli import values
from qsmbids.cli.config import with_config
from qsmbids.cli.resolve import to_settings
from qsmbids.inversion import COMBINATIONS, DEFAULT
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.masking import METHODS as MASKING
from qsmbids.phase import FITS, UNWRAPPING
from qsmbids.settings import Settings

Adder = argparse._ActionsContainer  # a parser, or a group of it
_EPILOG = """\
Exit codes: 0 all is well, 1 something failed, 2 the command cannot be understood.
Every option may stand in a TOML file given with --config-file, under its name without dashes.
"""


def parse(argv: Sequence[str] | None = None) -> Settings:
    """Return what the command line asks for.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Raises
    ------
    UsageError
        If it asks for something impossible.
    InputError
        If weights cannot be used.
    SystemExit
        From ``argparse``: after ``--help``, ``--version`` or an argument it cannot read.
    """
    options = level_options()
    parser = level_parser(
        options,
        "Susceptibility maps from every gradient-echo series of a BIDS dataset.",
        _EPILOG,
    )
    parser.add_argument("bids_dir", type=Path, metavar="BIDS", help="the dataset")
    parser.add_argument("output_dir", type=Path, metavar="OUT", help="where the results go")
    parser.add_argument(
        "level", choices=["participant", "group", "train", "evaluate"],
        help="participant: make the maps; group: gather the maps' figures in one table; train: "
        "train a network; evaluate: compare maps with a reference; see qsmbids BIDS OUT train "
        "--help and qsmbids BIDS OUT evaluate --help",
    )  # fmt: skip
    return to_settings(with_config(parser, options, argv))


def level_parser(
    options: argparse.ArgumentParser, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Return the parser of a level, with its options; its positional arguments are to come."""
    return argparse.ArgumentParser(
        prog="qsmbids",
        description=description,
        epilog=epilog,
        parents=[options],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def level_options() -> argparse.ArgumentParser:
    """Return a parser of the options of the levels `participant` and `group` alone."""
    options = argparse.ArgumentParser(prog="qsmbids", add_help=False)
    data = options.add_argument_group("which data")
    add_data(data)
    data.add_argument(
        "--input", choices=["anat", "fmap", "all"], default="anat",
        help="which raw data; anat: gradient echoes in anat/ (default); fmap: field maps in fmap/, "
        "by phase, phase difference or fieldmap; all: both",
    )  # fmt: skip
    data.add_argument(
        "--start", choices=["auto", "raw", "total-field", "local-field"], default="auto",
        help="what to start from; auto: raw data where there are any",
    )  # fmt: skip
    processing = options.add_argument_group("how to process")
    _add_methods(processing)
    add_processing(processing)
    processing.add_argument(
        "--no-fieldmaps", action="store_true", help="do not write total and local field maps"
    )
    running = options.add_argument_group("how to run")
    add_running(running)
    running.add_argument(
        "--strict",
        action="store_true",
        help="end with exit code 3 if a check of a map, as its page shows them, is red",
    )
    running.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto",
        help="where networks compute; auto: a graphics processor where there is one",
    )  # fmt: skip
    _add_other(options)
    return options


def add_data(group: Adder) -> None:
    """Add the options that say which data are meant."""
    add = group.add_argument
    add("--participant-label", "--participant_label", nargs="+", default=[], metavar="LABEL",
        help="only these participants, with or without 'sub-'")  # fmt: skip
    add("--session-label", "--session_label", nargs="+", default=[], metavar="LABEL",
        help="only these sessions, with or without 'ses-'")  # fmt: skip
    add("--bids-filter-file", type=Path, metavar="JSON",
        help="PyBIDS filters under the keys 'series', 'field' and 'mask'")  # fmt: skip
    add("-d", "--derivatives", nargs="+", action="extend", default=[], metavar="[NAME=]PATH",
        help="derivatives with masks, total or local fields")  # fmt: skip
    add("--bids-database-dir", type=Path, metavar="DIR",
        help="a PyBIDS database to read, or to make there")  # fmt: skip
    add("--skip-bids-validation", action="store_true",
        help="do not run the BIDS validator (it is run where it is installed)")  # fmt: skip


def _add_methods(group: Adder) -> None:
    add = group.add_argument
    names = [*INVERSION, *COMBINATIONS]
    add("--method", nargs="+", choices=names, default=[DEFAULT], metavar="NAME",
        help=f"inversion, one map each: {', '.join(names)} (default: {DEFAULT}); "
        "cosmos makes one map of all head orientations of a participant")  # fmt: skip
    add("--weights", nargs="+", action="extend", default=[], metavar="[METHOD=]FILE",
        help="weights of a network, as a file or as a name that the package ships")  # fmt: skip


def add_processing(group: Adder) -> None:
    """Add the options that say how a series becomes a local field."""
    add = group.add_argument
    add("--background", choices=list(BACKGROUND), default=DEFAULT_BACKGROUND,
        help="background removal (default: %(default)s)")  # fmt: skip
    add("--option", nargs="+", action="extend", default=[], metavar="METHOD.NAME=VALUE",
        help="an option of a method of inversion, background removal or brain extraction, such as "
        "network.border=2 for a brain mask that ends 2 mm farther out")  # fmt: skip
    add("--unwrapping", choices=list(UNWRAPPING), default="best-path",
        help="phase unwrapping (default: %(default)s)")  # fmt: skip
    add("--fit", choices=list(FITS), default="linear",
        help="fit of the field over echoes (default: %(default)s)")  # fmt: skip
    add("--phase-sign", choices=["auto", "positive", "negative"], default="auto",
        help="does phase grow or fall with a positive field? (default: found out)")  # fmt: skip
    add(
        "--brain-extraction",
        choices=["auto", *MASKING],
        default="auto",
        help="auto: a mask found in derivatives, else network; network, hd-bet: always from the "
        "magnitude; none: all voxels with signal, as for a phantom",
    )


def add_running(group: Adder) -> None:
    """Add the options that say what a run may use of the machine."""
    add = group.add_argument
    add("--nprocs", type=values.positive, metavar="N", help="processors to use (default: all)")
    add("--omp-nthreads", type=values.positive, metavar="N",
        help="threads of one stage (default: the processors shared among the series)")  # fmt: skip
    add("--mem", type=values.memory, metavar="SIZE",
        help="memory to stay within, with its unit: 8GB, 16000MB (default: 90 %% of what is "
        "free)")  # fmt: skip
    add("-w", "--work-dir", type=Path, metavar="DIR",
        help="where intermediate files go (default: ./work)")  # fmt: skip
    add("--clean-workdir", action="store_true",
        help="remove a series' intermediate files once it is done")  # fmt: skip
    add("--config-file", type=Path, metavar="TOML",
        help="options from a file; the command line wins")  # fmt: skip
    add("--use-plugin", type=Path, metavar="YAML", help="a Nipype plugin and its arguments")
    add("--stop-on-first-crash", action="store_true", help="stop everything at the first failure")


def _add_other(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("other")
    modes = group.add_mutually_exclusive_group()
    for mode, text in (
        ("dry-run", "print what would be done, and do nothing"),
        ("reports-only", "write the participants' pages anew from the results, compute nothing"),
        ("boilerplate-only", "write the methods text with its citations, compute nothing"),
    ):
        modes.add_argument(
            f"--{mode}", dest="mode", action="store_const", const=mode, default="run", help=text
        )
    group.add_argument("--version", action="version", version=f"qsmbids {__version__}")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="say more; -vv: Nipype's log too"
    )

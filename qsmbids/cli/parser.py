"""The command line and the configuration file, turned into `Settings`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli import machine, values
from qsmbids.cli.weights import digests, with_weights
from qsmbids.errors import UsageError
from qsmbids.inversion import COMBINATIONS, DEFAULT
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.phase import FITS, UNWRAPPING
from qsmbids.settings import Settings

Adder = argparse._ActionsContainer  # a parser, or a group of it
_EPILOG = """\
Exit codes: 0 all is well, 1 something failed, 2 the command cannot be understood.
Every option may stand in a TOML file given with --config-file, under its name without dashes.
"""

_READS_WEIGHTS = ("run", "dry-run", "boilerplate-only")


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
    options = _options()
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


def with_config(
    parser: argparse.ArgumentParser,
    options: argparse.ArgumentParser,
    argv: Sequence[str] | None,
) -> argparse.Namespace:
    """Read the arguments, and before them those of the configuration file that they name."""
    first = parser.parse_args(argv)
    if first.config_file is None:
        return first
    config = _config_arguments(first.config_file, options)
    return parser.parse_args(argv, namespace=options.parse_args(config))


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="qsmbids", add_help=False)
    data = options.add_argument_group("which data")
    add_data(data)
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
    add("--background", choices=list(BACKGROUND), default="resharp",
        help="background removal (default: %(default)s)")  # fmt: skip
    add("--option", nargs="+", action="extend", default=[], metavar="METHOD.NAME=VALUE",
        help="an option of a method of inversion or background removal")  # fmt: skip
    add("--unwrapping", choices=list(UNWRAPPING), default="best-path",
        help="phase unwrapping (default: %(default)s)")  # fmt: skip
    add("--fit", choices=list(FITS), default="linear",
        help="fit of the field over echoes (default: %(default)s)")  # fmt: skip
    add("--phase-sign", choices=["auto", "positive", "negative"], default="auto",
        help="does phase grow or fall with a positive field? (default: found out)")  # fmt: skip
    add("--brain-extraction", choices=["auto", "template", "none"], default="auto",
        help="auto: a mask found in derivatives, else template; template: always from the "
        "magnitude; none: all voxels with signal")  # fmt: skip


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


def _config_arguments(path: Path, options: argparse.ArgumentParser) -> list[str]:
    """Turn a configuration file into the arguments that it stands for."""
    known = {
        name.lstrip("-"): action
        for action in options._actions
        for name in action.option_strings
        if name.startswith("--")
    }
    arguments: list[str] = []
    for name, value in values.read_toml(path).items():
        key = name.replace("_", "-")
        if key not in known or key in ("config-file", "version"):
            raise UsageError(f"{path}: there is no option {name!r}.")
        takes_values = known[key].nargs != 0
        if isinstance(value, bool) and not takes_values:
            arguments += [f"--{key}"] if value else []
        elif key == "verbose" and isinstance(value, int):
            arguments += ["--verbose"] * value
        elif takes_values and not isinstance(value, bool):
            arguments += [f"--{key}", *values.as_arguments(value)]
        else:
            kind = "a value" if takes_values else "true or false"
            raise UsageError(f"{path}: the option {name!r} takes {kind}.")
    return arguments


def to_settings(args: argparse.Namespace) -> Settings:
    """Check the arguments against each other and return the settings."""
    bids_dir, output_dir = args.bids_dir.resolve(), args.output_dir.resolve()
    work_dir = (args.work_dir or Path("work")).resolve()
    _check_folders(bids_dir, output_dir, work_dir)
    chosen = tuple(dict.fromkeys(args.method))
    methods = tuple(name for name in chosen if name in INVERSION)
    options = values.method_options(args.option, {**INVERSION, **COMBINATIONS, **BACKGROUND})
    options = with_weights(options, args.weights, methods)
    mode = "group" if args.level == "group" else args.mode
    settings = Settings(
        bids_dir=bids_dir,
        output_dir=output_dir,
        work_dir=work_dir,
        participants=values.labels(args.participant_label, "sub-"),
        sessions=values.labels(args.session_label, "ses-"),
        filters=values.read_filters(args.bids_filter_file) if args.bids_filter_file else {},
        derivatives=values.derivatives(args.derivatives),
        database_dir=args.bids_database_dir and args.bids_database_dir.resolve(),
        start=args.start,
        methods=methods,
        combinations=tuple(name for name in chosen if name in COMBINATIONS),
        options=options,
        weights=digests(methods, options) if mode in _READS_WEIGHTS else {},
        unwrapping=args.unwrapping,
        fit=args.fit,
        phase_sign=args.phase_sign,
        brain_extraction=args.brain_extraction,
        background=args.background,
        write_fields=not args.no_fieldmaps,
        mode=mode,
        validate=not args.skip_bids_validation,
        device=args.device,
        nprocs=args.nprocs or machine.processors(),
        omp_nthreads=args.omp_nthreads or 0,
        mem_gb=args.mem or machine.free_memory(),
        stop_on_first_crash=args.stop_on_first_crash,
        plugin=values.read_plugin(args.use_plugin) if args.use_plugin else None,
        clean_workdir=args.clean_workdir,
        verbose=args.verbose,
    )
    return _with_plugin_resources(settings)


def _with_plugin_resources(settings: Settings) -> Settings:
    """A MultiProc plugin file says how many processors and how much memory to use."""
    plugin: Mapping[str, Any] | None = settings.plugin
    if plugin is None or plugin["plugin"] != "MultiProc":
        return settings
    given = plugin["plugin_args"]
    return replace(
        settings,
        plugin=None,
        nprocs=int(given.get("n_procs", settings.nprocs)),
        mem_gb=float(given.get("memory_gb", settings.mem_gb)),
    )


def _check_folders(bids_dir: Path, output_dir: Path, work_dir: Path) -> None:
    if not bids_dir.is_dir():
        raise UsageError(f"{bids_dir} is not a folder; give the path of a BIDS dataset.")
    if output_dir == bids_dir:
        raise UsageError(
            f"The output folder is the dataset itself; choose another, such as "
            f"{bids_dir / 'derivatives' / 'qsmbids'}."
        )
    for name, folder in (("dataset", bids_dir), ("output folder", output_dir)):
        if work_dir == folder or folder in work_dir.parents:
            elsewhere = Path(tempfile.gettempdir()) / "qsmbids-work"
            raise UsageError(
                f"The work directory {work_dir} lies in the {name}; choose another, such as "
                f"-w {elsewhere}."
            )

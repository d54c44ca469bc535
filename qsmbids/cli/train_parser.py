"""The command line of ``qsmbids BIDS OUT train``, turned into a `TrainingJob`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qsmbids.cli import parser as participant
from qsmbids.cli import values
from qsmbids.cli.arguments import DATA, PROCESSING, RUNNING, add, add_all, add_other
from qsmbids.cli.levels import parse_level
from qsmbids.cli.resolve import to_settings
from qsmbids.errors import UsageError
from qsmbids.settings import Settings
from qsmbids.training.data import SOURCES
from qsmbids.training.options import add_options
from qsmbids.workflows import machine
from qsmbids.workflows.training_job import TrainingJob

NO_DATASET = "-"
SHARE = 0.1  # of the participants, held out
_EPILOG = """\
The weights, their card, curves and a page with a comparison on held-out participants go to
OUT/training/RECIPE; a training that was stopped or killed goes on with --resume.
"""


def parse_training(argv: Sequence[str] | None = None) -> TrainingJob:
    """Return the training that a command line asks for; raises `UsageError` if it cannot be."""
    args = parse_level(
        argv,
        level_options(),
        ["train"],
        description="Train a network by its recipe, on the local fields of a BIDS dataset or on "
        "synthetic data.",
        epilog=_EPILOG,
        about=("the dataset; - for none", "where the results go", "this level"),
    )
    return _to_job(args)


def level_options() -> argparse.ArgumentParser:
    """Return a parser of the options of the level `train` alone."""
    options = argparse.ArgumentParser(prog="qsmbids", add_help=False)
    training = options.add_argument_group("what to train")
    training.add_argument(
        "--method",
        dest="network",
        metavar="NAME",
        help="the method that needs the weights; its recipe is the default",
    )
    add_options(training.add_argument)
    _add_sources(options.add_argument_group("what to learn from"))
    add_all(options.add_argument_group("which participants"), DATA)
    add_all(options.add_argument_group("how to get local fields"), PROCESSING)
    running = options.add_argument_group("how to run")
    where = "where to train; auto: on a graphics processor where there is one"
    add(running, "--device", help=where)
    add_all(running, RUNNING)
    other = options.add_argument_group("other")
    add_other(other, "say more")
    # what a run of the participant level may ask for besides is as it is there by default
    besides = {one.dest: one.default for one in participant.level_options()._actions}
    own = {one.dest for one in options._actions}
    options.set_defaults(**{name: one for name, one in besides.items() if name not in own})
    options.set_defaults(method=(), weights=())
    return options


def _add_sources(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--source",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME[=DIR]",
        help=f"learn from these in equal parts: {', '.join(SOURCES)}; heads=DIR: simulated heads "
        "kept there; maps=DIR: derivatives that hold susceptibility maps, such as COSMOS "
        "(default: the dataset's fields where the recipe learns without labels, else what the "
        "recipe says)",
    )
    add(
        "--start-from",
        dest="start",
        choices=["auto", "raw", "total-field", "local-field"],
        default="auto",
        help="auto: fields of --derivatives where there are any, else raw data",
    )
    add(
        "--held-out",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="participants to compare on, not to train on",
    )
    add(
        "--held-out-share",
        type=_share,
        metavar="SHARE",
        help=f"share of the participants instead, at least one (default: {SHARE})",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def _to_job(args: argparse.Namespace) -> TrainingJob:
    if not (args.network or args.recipe):
        raise UsageError("Say what to train: --method NAME, such as --method qsminvnet+.")
    for one, other in (("steps", "minutes"), ("held_out", "held_out_share")):
        if getattr(args, one) and getattr(args, other):
            names = (f"--{name.replace('_', '-')}" for name in (one, other))
            raise UsageError(f"{' and '.join(names)} exclude each other; give one of them.")
    sources = _sources(args.source)
    return TrainingJob(
        bids=str(args.bids_dir),
        output_dir=args.output_dir.resolve(),
        fields=_field_settings(args, sources.get("maps")),
        recipe=args.recipe or args.network,
        method=args.network,
        changes=tuple(args.changes),
        sources=sources,
        weights=args.start_weights,
        steps=args.steps,
        minutes=args.minutes,
        held_out=values.labels(args.held_out, "sub-"),
        held_out_share=args.held_out_share or SHARE,
        device=args.device,
        threads=args.nprocs or machine.processors(),
        workers=args.workers,
        resume=args.resume,
    )


def _sources(given: Sequence[str]) -> dict[str, Path | None]:
    """Read ``NAME`` or ``NAME=DIR``."""
    found: dict[str, Path | None] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if name not in SOURCES or (equals and name not in ("heads", "maps")):
            raise UsageError(
                f"--source {text}: choose from: {', '.join(SOURCES)}; heads and maps may name a "
                "folder, such as maps=DIR."
            )
        path = Path(folder).resolve() if equals else None
        if path is not None and not path.is_dir():
            raise UsageError(f"--source {text}: {path} is not a folder.")
        found[name] = path
    return found


def _field_settings(args: argparse.Namespace, maps: Path | None) -> Settings | None:
    """Return how the dataset's fields are made; None without a dataset.

    They go into a derivatives dataset of their own, so that they and the participant level's
    results in the same folder leave each other alone.
    """
    if str(args.bids_dir) == NO_DATASET:
        for name in ("participant_label", "held_out", "derivatives"):
            if getattr(args, name):
                flag = name.replace("_", "-")
                raise UsageError(f"--{flag} needs a dataset; give its folder instead of '-'.")
        return None
    settings = to_settings(args)
    folder = settings.output_dir / "training"
    derivatives = dict(settings.derivatives)
    if maps is not None:
        derivatives.setdefault("maps", maps)
    return replace(
        settings,
        output_dir=folder / "fields",
        subjects_dir=folder / "subjects",
        derivatives=derivatives,
        start="nearest" if settings.start == "auto" else settings.start,
    )

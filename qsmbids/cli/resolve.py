"""Arguments of the levels ``participant`` and ``group``, checked and turned into `Settings`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli import values
from qsmbids.contrast import SEPARATION, WEIGHTING
from qsmbids.errors import UsageError
from qsmbids.inversion import COMBINATIONS
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.masking import METHODS as MASKING
from qsmbids.settings import EXTRACTORS, WHOLE_MASK, Settings


def _demand_regions(args: argparse.Namespace) -> None:
    """Refuse a reference where there will be no regions to find it among."""
    if args.reference != WHOLE_MASK and not (args.segmentation or args.atlas):
        raise UsageError(
            f"--reference {args.reference} needs regions; add --atlas deepgrey, or --segmentation "
            "with --derivatives."
        )


def to_settings(args: argparse.Namespace) -> Settings:
    """Check the arguments against each other and return the settings; `weights` are still empty."""
    from qsmbids.workflows import machine
    from qsmbids.workflows.folders import check_folders
    from qsmbids.workflows.weights import with_weights

    bids_dir, output_dir = args.bids_dir.resolve(), args.output_dir.resolve()
    work_dir = (args.work_dir or Path("work")).resolve()
    check_folders(bids_dir, output_dir, work_dir)
    chosen = tuple(dict.fromkeys(args.method))
    methods = tuple(name for name in chosen if name in INVERSION)
    known = {**INVERSION, **COMBINATIONS, **BACKGROUND, **MASKING, **WEIGHTING, **SEPARATION}
    published = values.as_published(args.preset, methods)
    options = values.method_options(args.option, known, published)
    extraction = EXTRACTORS.get(args.brain_extraction, args.brain_extraction)
    options = with_weights(options, args.weights, (*methods, extraction))
    if args.missing and args.mode != "dry-run":
        raise UsageError("--missing goes with --dry-run: it prints labels and does nothing.")
    mode = "missing" if args.missing else args.mode
    mode = "group" if args.level == "group" else mode
    _demand_regions(args)
    settings = Settings(
        bids_dir=bids_dir,
        output_dir=output_dir,
        work_dir=work_dir,
        participants=values.labels(args.participant_label, "sub-"),
        sessions=values.labels(args.session_label, "ses-"),
        filters=values.read_filters(args.bids_filter_file) if args.bids_filter_file else {},
        derivatives=values.derivatives(args.derivatives),
        database_dir=args.bids_database_dir and args.bids_database_dir.resolve(),
        input=args.input,
        start=args.start,
        methods=methods,
        combinations=tuple(name for name in chosen if name in COMBINATIONS),
        options=options,
        unwrapping=args.unwrapping,
        fit=args.fit,
        phase_sign=args.phase_sign,
        brain_extraction=args.brain_extraction,
        background=args.background,
        swi=args.swi,
        dicom_templates=values.templates(args.dicom_template),
        separation=args.separation,
        segmentation=args.segmentation,
        atlases=tuple(dict.fromkeys(args.atlas)),
        output_spaces=tuple(dict.fromkeys(args.output_spaces)),
        reference=args.reference.lower(),
        write_fields=not args.no_fieldmaps,
        mode=mode,
        validate=not args.skip_bids_validation,
        device=args.device,
        nprocs=args.nprocs or machine.processors(),
        omp_nthreads=args.omp_nthreads or 0,
        mem_gb=args.mem or machine.free_memory(),
        stop_on_first_crash=args.stop_on_first_crash,
        strict=args.strict,
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
    return replace(settings, plugin=None, **values.multiproc(plugin["plugin_args"]))

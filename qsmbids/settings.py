"""What one run was asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on besides the data; made by the parser, passed on.

    The processing fields decide the numbers in the maps and stand in every sidecar; the others
    only say where and how the run goes.
    """

    bids_dir: Path
    output_dir: Path
    work_dir: Path
    # which data
    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    filters: Mapping[str, Any] = _NOTHING
    derivatives: Mapping[str, Path] = _NOTHING
    database_dir: Path | None = None
    start: str = "auto"  # auto, raw, total-field, local-field
    # processing
    methods: tuple[str, ...] = ("tv",)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NOTHING)
    unwrapping: str = "best-path"
    fit: str = "linear"
    phase_sign: str = "auto"  # auto, positive, negative
    brain_extraction: str = "auto"  # auto (derivatives, else template), template, none
    background: str = "resharp"
    # outputs
    write_fields: bool = True
    # how to run
    nprocs: int = 1
    omp_nthreads: int = 1
    mem_gb: float = 4.0
    stop_on_first_crash: bool = False
    plugin: Mapping[str, Any] | None = None
    clean_workdir: bool = False
    verbose: int = 0

"""What one run was asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXTRACTORS = {"auto": "network"}
"""What choices of ``--brain-extraction`` that are no method's name stand for."""

DEEP_GREY = "deepgrey"
"""The atlas that the package ships."""
SPACE = "MNI152NLin2009aSym"
"""The template that nilearn ships, to which series are registered."""
ATLAS_SPACE = "MNI152NLin2009cAsym"
"""The template in whose space atlases are taken from TemplateFlow."""
WHOLE_MASK = "mask"
"""The reference that needs no regions: the mean over the map's whole mask."""


@dataclass(frozen=True, kw_only=True)
class Processing:
    """How a series is processed: what decides the numbers in its maps, and device and threads."""

    methods: tuple[str, ...] = ()  # none: masks and fields alone
    combinations: tuple[str, ...] = ()  # methods that take several head orientations
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unwrapping: str = "best-path"
    fit: str = "linear"
    phase_sign: str = "auto"  # auto, positive, negative
    brain_extraction: str = "auto"  # auto (derivatives, else network), network, hd-bet, none
    background: str = "jdf"
    swi: bool = False  # a susceptibility-weighted image too
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # SHA-256 of files
    device: str = "auto"  # of networks: auto, cpu, cuda
    omp_nthreads: int = 0  # 0: shared out among the series that run side by side

    @property
    def extraction(self) -> str:
        """How a brain mask is made where no dataset gives one."""
        return EXTRACTORS.get(self.brain_extraction, self.brain_extraction)


@dataclass(frozen=True)
class Settings(Processing):
    """Everything that a run depends on besides the data; made by the parser, passed on.

    What `Processing` holds stands in every sidecar; the rest says where and how the run goes.
    """

    bids_dir: Path
    output_dir: Path
    work_dir: Path
    # which data
    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)
    derivatives: Mapping[str, Path] = field(default_factory=dict)
    database_dir: Path | None = None
    input: str = "anat"  # of raw data: anat (gradient echoes), fmap (field maps), all
    start: str = "auto"  # auto (raw first), nearest (fields first), raw, total-field, local-field
    # regions and the zero of susceptibility
    segmentation: bool = False  # label images of other tools, from the derivatives
    atlases: tuple[str, ...] = ()  # by name, brought to each participant
    reference: str = WHOLE_MASK  # or the name of a region
    # outputs
    output_spaces: tuple[str, ...] = ()  # templates into whose space maps are brought
    write_fields: bool = True
    separation: str = ""  # how to tell paramagnetic and diamagnetic parts apart; empty: not at all
    dicom_templates: Mapping[str, Path] = field(default_factory=dict)  # by the start of a key
    subjects_dir: Path | None = None  # where local fields go to train networks on
    # how to run
    mode: str = "run"  # run, dry-run, missing, reports-only, boilerplate-only, group
    validate: bool = True
    nprocs: int = 1
    mem_gb: float = 4.0
    stop_on_first_crash: bool = False
    strict: bool = False  # red lights make an exit code
    plugin: Mapping[str, Any] | None = None
    clean_workdir: bool = False
    verbose: int = 0

    def processing(self) -> dict[str, Any]:
        """Return what decides the numbers in the maps, as plain values for a record."""
        return {
            "methods": list(self.methods),
            "options": {
                name: dict(values)
                for name, values in sorted(self.options.items())
                if name not in self.combinations
            },
            "unwrapping": self.unwrapping,
            "fit": self.fit,
            "phase_sign": self.phase_sign,
            "brain_extraction": self.brain_extraction,
            "background": self.background,
            "swi": self.swi,
            "separation": self.separation,
            "weights": {name: dict(files) for name, files in sorted(self.weights.items())},
            "write_fields": self.write_fields,
            "segmentation": self.segmentation,
            "atlases": list(self.atlases),
            "reference": self.reference,
            "output_spaces": list(self.output_spaces),
        }

    def combining(self) -> dict[str, Any]:
        """Return what decides the numbers in the maps of several head orientations."""
        chosen = {name: dict(self.options.get(name, {})) for name in self.combinations}
        return {**self.processing(), "methods": [], "combinations": chosen}

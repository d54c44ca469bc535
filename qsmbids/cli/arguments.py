"""The arguments that several commands share, each stated once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.background import DEFAULT as DEFAULT_BACKGROUND
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli import values
from qsmbids.contrast import SEPARATION
from qsmbids.inversion import DEFAULT
from qsmbids.masking import METHODS as MASKING
from qsmbids.phase import FITS, UNWRAPPING

Adder = argparse._ActionsContainer  # a parser, or a group of it

_LABELS: dict[str, Any] = {"nargs": "+", "default": [], "metavar": "LABEL"}
_SEVERAL: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}

DATA: dict[str, dict[str, Any]] = {
    "--participant-label": {**_LABELS, "help": "only these participants, with or without 'sub-'"},
    "--session-label": {**_LABELS, "help": "only these sessions, with or without 'ses-'"},
    "--bids-filter-file": {
        "type": Path,
        "metavar": "JSON",
        "help": "PyBIDS filters under the keys 'series', 'field' and 'mask'",
    },
    "--derivatives": {
        **_SEVERAL,
        "metavar": "[NAME=]PATH",
        "help": "derivatives with masks, total or local fields",
    },
    "--bids-database-dir": {
        "type": Path,
        "metavar": "DIR",
        "help": "a PyBIDS database to read, or to make there",
    },
    "--skip-bids-validation": {
        "action": "store_true",
        "help": "do not run the BIDS validator (it is run where it is installed)",
    },
}
"""Which data are meant."""

PROCESSING: dict[str, dict[str, Any]] = {
    "--background": {
        "choices": [*BACKGROUND],
        "default": DEFAULT_BACKGROUND,
        "help": "background removal (default: %(default)s)",
    },
    "--option": {
        **_SEVERAL,
        "metavar": "METHOD.NAME=VALUE",
        "help": "an option of a method of inversion, background removal or brain extraction, such "
        "as network.border=2 for a brain mask that ends 2 mm farther out",
    },
    "--unwrapping": {
        "choices": [*UNWRAPPING],
        "default": "best-path",
        "help": "phase unwrapping (default: %(default)s)",
    },
    "--fit": {
        "choices": [*FITS],
        "default": "linear",
        "help": "fit of the field over echoes (default: %(default)s)",
    },
    "--phase-sign": {
        "choices": ["auto", "positive", "negative"],
        "default": "auto",
        "help": "does phase grow or fall with a positive field? (default: found out)",
    },
    "--brain-extraction": {
        "choices": ["auto", *MASKING],
        "default": "auto",
        "help": "auto: a mask found in derivatives, else network; network, hd-bet: always from the "
        "magnitude; none: all voxels with signal, as for a phantom",
    },
}
"""How a series becomes a local field."""

BESIDE: dict[str, dict[str, Any]] = {
    "--swi": {
        "action": "store_true",
        "help": "a susceptibility-weighted image too, and its minimum over slabs (swi.slab, in mm)",
    },
    "--separation": {
        "choices": [*SEPARATION],
        "default": "",
        "help": "paramagnetic and diamagnetic parts of each map too; r2star: by R2*, without a map "
        "of R2, whose limits docs/measurements.md shows",
    },
    "--dicom-template": {
        **_SEVERAL,
        "metavar": "[LABEL=]PATH",
        "help": "write maps and SWI as DICOM too, into the study of this DICOM file or folder of "
        "the gradient echo; LABEL says whose it is: 01, or 01_ses-a",
    },
}
"""What is made beside the maps."""

METHOD: dict[str, dict[str, Any]] = {
    "--method": {"default": DEFAULT, "metavar": "NAME", "help": "inversion (default: %(default)s)"},
    "--weights": {
        "metavar": "FILE",
        "help": "weights of a network, as a file or as a name that the package ships",
    },
    "--preset": {
        "choices": ["qsmbids", "paper"],
        "default": "qsmbids",
        "help": "defaults of the methods; paper: what each method's paper describes, without the "
        "data consistency that qsmbids closes with and with the paper's sizes, which take long "
        "(default: %(default)s)",
    },
    "--device": {
        "choices": ["auto", "cpu", "cuda"],
        "default": "auto",
        "help": "where networks compute; auto: a graphics processor where there is one",
    },
}
"""How a local field becomes a map."""

RUNNING: dict[str, dict[str, Any]] = {
    "--nprocs": {
        "type": values.positive,
        "metavar": "N",
        "help": "processors to use (default: all)",
    },
    "--omp-nthreads": {
        "type": values.positive,
        "metavar": "N",
        "help": "threads of one stage (default: the processors shared among the series)",
    },
    "--mem": {
        "type": values.memory,
        "metavar": "SIZE",
        "help": "memory to stay within, with its unit: 8GB, 16000MB (default: 90 %% of what is "
        "free)",
    },
    "--work-dir": {
        "type": Path,
        "metavar": "DIR",
        "help": "where intermediate files go (default: ./work)",
    },
    "--clean-workdir": {
        "action": "store_true",
        "help": "remove a series' intermediate files once it is done",
    },
    "--config-file": {
        "type": Path,
        "metavar": "TOML",
        "help": "options from a file; the command line wins",
    },
    "--use-plugin": {"type": Path, "metavar": "YAML", "help": "a Nipype plugin and its arguments"},
    "--stop-on-first-crash": {
        "action": "store_true",
        "help": "stop everything at the first failure",
    },
}
"""What a run may use of the machine."""

_SHARED = {**DATA, **PROCESSING, **BESIDE, **METHOD, **RUNNING}
_ALIASES = {
    "--participant-label": ["--participant-label", "--participant_label"],
    "--session-label": ["--session-label", "--session_label"],
    "--derivatives": ["-d", "--derivatives"],
    "--work-dir": ["-w", "--work-dir"],
}


def add(group: Adder, name: str, **changes: Any) -> None:
    """Add a shared argument, perhaps with another help, default or type than elsewhere."""
    group.add_argument(*_ALIASES.get(name, [name]), **{**_SHARED[name], **changes})


def add_all(group: Adder, shared: Mapping[str, Any]) -> None:
    """Add all of a table: `DATA`, `PROCESSING`, `METHOD` or `RUNNING`."""
    for name in shared:
        add(group, name)


def add_other(group: Adder, verbose: str = "show where an error comes from") -> None:
    """Add ``--version`` and ``--verbose``."""
    group.add_argument("--version", action="version", version=f"qsmbids {__version__}")
    group.add_argument("-v", "--verbose", action="count", default=0, help=verbose)

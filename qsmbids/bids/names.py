"""Names of files: entities of an input, path of an output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from qsmbids.bids.series import Series

# The order in which BIDS wants entities in a name.
ORDER = (
    *("sub", "ses", "sample", "task", "acq", "nuc", "ce", "trc", "stain", "rec", "dir", "run"),
    *("mod", "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split", "recording"),
    *("chunk", "seg", "res", "den", "label", "desc"),
)

_RANK = {name: place for place, name in enumerate(ORDER)}


def entities_of(path: Path) -> dict[str, str]:
    """Return the entities of a file's name, in BIDS order and with the padding as written."""
    parts = (part.partition("-") for part in path.name.split(".")[0].split("_"))
    return in_order({name: value for name, dash, value in parts if dash})


def in_order(named: Mapping[str, str]) -> dict[str, str]:
    """Return entities in the order that BIDS wants."""
    return dict(sorted(named.items(), key=lambda item: _RANK.get(item[0], len(_RANK))))


def suffix_of(path: Path) -> str:
    """Return the suffix of a file's name, such as ``MEGRE``."""
    return path.name.split(".")[0].rsplit("_", 1)[-1]


def join(named: Mapping[str, str]) -> str:
    """Write entities as they stand in a file's name."""
    return "_".join(f"{name}-{value}" for name, value in named.items())


def desc_label(name: str) -> str:
    """Turn a method's name into letters and digits: ``uqsm+`` into ``uqsmplus``.

    >>> desc_label("uqsm+"), desc_label("best-path")
    ('uqsmplus', 'bestpath')
    """
    return re.sub(r"[^0-9A-Za-z]", "", name.replace("+", "plus"))


def fmap_entities(named: Mapping[str, str]) -> dict[str, str]:
    """Return entities as names in ``fmap/`` may have them.

    BIDS knows no task, ce and rec there, so they become part of the acquisition's label, lest
    two reconstructions share a name: ``acq-x_rec-y`` is ``acq-xrecy``.
    """
    folded = "".join(name + named[name] for name in ("task", "ce", "rec") if name in named)
    kept = {name: value for name, value in named.items() if name not in ("task", "ce", "rec")}
    if folded:
        kept["acq"] = kept.get("acq", "") + folded
    return in_order(kept)


def derivative_path(
    output_dir: Path,
    series: Series,
    suffix: str,
    *,
    space: str | None = None,
    seg: str | None = None,
    desc: str | None = None,
    datatype: str = "anat",
    extension: str = ".nii.gz",
) -> Path:
    """Return the path of an output of ``series``.

    Parameters
    ----------
    output_dir : Path
        The root of the output dataset.
    series : Series
        What the output was made from.
    suffix : str
        The BIDS suffix, such as ``Chimap``.
    space, seg, desc : str, optional
        Labels of these entities, of which only letters and digits are kept, as of the name of
        a method (``desc``) or an atlas (``seg``).
    datatype : str
        The folder, ``anat`` or ``fmap``.
    extension : str
        With its dot.

    Returns
    -------
    Path
        ``OUT/sub-01[/ses-a]/anat/sub-01[_ses-a]..._desc-tv_Chimap.nii.gz``; no folder is made.
    """
    folder = Path(output_dir) / f"sub-{series.participant}"
    if series.session is not None:
        folder /= f"ses-{series.session}"
    stem = join(fmap_entities(series.entities)) if datatype == "fmap" else series.key
    given = {"space": space, "seg": seg, "desc": desc}
    labels = "".join(f"_{name}-{desc_label(label)}" for name, label in given.items() if label)
    return folder / datatype / f"{stem}{labels}_{suffix}{extension}"

"""What is made beside the maps on demand: of which series, and why not of others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qsmbids.bids import Series
from qsmbids.errors import UsageError
from qsmbids.interfaces.outputs import OUTPUTS, Output, chimap
from qsmbids.settings import Settings

_WEIGHTED = ("swi", "minimum")


def makes_swi(series: Series, settings: Settings) -> bool:
    """Tell whether a susceptibility-weighted image is made: from echoes and their times."""
    return settings.swi and series.start == "raw"


def separates(series: Series, settings: Settings) -> bool:
    """Tell whether maps are separated by sign: with R2*, and B0 to know what it stands for."""
    return bool(settings.separation and series.shows_decay and series.field_strength)


def left_out(series: Series, settings: Settings) -> list[str]:
    """Return why something that was asked for is not made of a series."""
    if series.orientations:
        return []
    found = []
    if settings.swi and not makes_swi(series, settings):
        found.append("no susceptibility-weighted image (--swi): it starts from a field, not echoes")
    if settings.separation and not separates(series, settings):
        lack = "field strength" if series.shows_decay else "R2*, which takes two echoes"
        found.append(f"no separation (--separation): there is no {lack}")
    return found


def template_of(series: Series, settings: Settings) -> Path | None:
    """Return the DICOM of the study that the images of a series join: that named most closely."""
    if series.orientations:
        return None
    named = settings.dicom_templates
    own = [name for name in named if not name or f"{series.key}_".startswith(f"sub-{name}_")]
    return named[max(own, key=len)] if own else None


def exports(series: Series, settings: Settings) -> list[Output]:
    """Return the images of a series that are written as DICOM too."""
    if template_of(series, settings) is None:
        return []
    made = [chimap(method) for method in settings.methods]
    return made + [OUTPUTS[name] for name in _WEIGHTED if makes_swi(series, settings)]


def demand_one_study(found: Sequence[Series], settings: Settings) -> None:
    """Refuse a DICOM template without a label where images are of several people or days."""
    studies = {(one.participant, one.session) for one in found}
    if "" in settings.dicom_templates and len(studies) > 1:
        participant, session = sorted(studies, key=str)[0]
        label = participant + (f"_ses-{session}" if session else "")
        raise UsageError(
            f"--dicom-template: there are {len(studies)} participants or sessions, and a study is "
            f"of one; say whose it is, as in {label}=PATH, or choose one with --participant-label."
        )

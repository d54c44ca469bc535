"""Templates and their atlases from TemplateFlow, which are downloaded when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qsmbids.errors import InputError


def find_template(space: str) -> Path:
    """Return the T1-weighted image of a template, of its brain where there is one, at 1 mm.

    Raises
    ------
    InputError
        If TemplateFlow has none, or cannot be reached.
    """
    for desc in ("brain", None):
        found = _get(space, f"The template {space}", suffix="T1w", desc=desc)
        if found:
            return found[0]
    raise InputError(f"TemplateFlow has no T1-weighted image of a template {space!r}.")


def find_atlas(space: str, name: str) -> Path:
    """Return the label image of an atlas in a template's space; the first of several.

    Raises
    ------
    InputError
        If TemplateFlow has none, or cannot be reached.
    """
    found = _get(space, f"The atlas {name}", suffix="dseg", atlas=name)
    if not found:
        raise InputError(f"TemplateFlow has no atlas {name!r} in the space {space}.")
    return found[0]


def _get(space: str, what: str, **query: Any) -> list[Path]:
    """Return the images of a query, the finest of up to 1 mm first."""
    try:
        from templateflow import api

        for resolution in (1, 2, None):
            found = api.get(space, resolution=resolution, extension=".nii.gz", **query)
            paths = [found] if isinstance(found, Path) else list(found)
            if paths:
                return sorted(map(Path, paths))
    except Exception as error:  # each of its back ends has its own
        raise InputError(
            f"{what} could not be had from TemplateFlow ({type(error).__name__}); connect to the "
            "network once, or set TEMPLATEFLOW_HOME to a folder that holds it."
        ) from error
    return []

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
        query = {"suffix": "T1w", "desc": desc, "extension": ".nii.gz"}
        for resolution in (1, 2, None):
            if _listed(space, resolution=resolution, **query):
                return _get(f"The template {space}", space, resolution=resolution, **query)[0]
    raise InputError(f"TemplateFlow has no T1-weighted image of a template {space!r}.")


def find_atlas(space: str, name: str) -> tuple[Path, Path]:
    """Return the label image of an atlas in a template's space, and the table of its labels.

    Parameters
    ----------
    space : str
        The template.
    name : str
        The atlas, or ``NAME:DESC`` where TemplateFlow has several of it.

    Raises
    ------
    InputError
        If TemplateFlow has none or several, or cannot be reached.
    """
    atlas, _, desc = name.partition(":")
    query = {"suffix": "dseg", "atlas": atlas, **({"desc": desc} if desc else {})}
    found = _listed(space, extension=".nii.gz", **query)
    kinds = sorted({_desc(path) for path in found})
    if not found:
        raise InputError(f"TemplateFlow has no atlas {name!r} in the space {space}.")
    if len(kinds) > 1:
        raise InputError(
            f"TemplateFlow has several atlases {atlas}; choose one: "
            f"{', '.join(f'{atlas}:{kind}' for kind in kinds)}."
        )
    finest = 1 if _listed(space, extension=".nii.gz", resolution=1, **query) else None
    what = f"The atlas {name}"
    image = _get(what, space, extension=".nii.gz", resolution=finest, **query)[0]
    tables = _get(what, space, extension=".tsv", **query)
    if not tables:
        raise InputError(f"The atlas {name} of TemplateFlow has no table of its labels.")
    return image, tables[0]


def _desc(path: Path) -> str:
    return path.name.partition("_desc-")[2].partition("_")[0]


def _listed(space: str, **query: Any) -> list[Path]:
    """Return what TemplateFlow has, downloaded or not."""
    try:
        from templateflow import api

        return sorted(map(Path, api.ls(space, **query)))
    except Exception:  # of an unknown template: it has none
        return []


def _get(what: str, space: str, **query: Any) -> list[Path]:
    """Return the files of a query, downloaded where they are not there."""
    try:
        from templateflow import api

        found = api.get(space, **query)
    except Exception as error:  # each of its back ends has its own
        raise InputError(
            f"{what} could not be had from TemplateFlow ({type(error).__name__}); connect to the "
            "network once, or set TEMPLATEFLOW_HOME to a folder that holds it."
        ) from error
    return [Path(found)] if isinstance(found, (str, Path)) else sorted(map(Path, found))

"""Templates and atlases that a run asks for and can have."""

from __future__ import annotations

from dataclasses import replace

from qsmbids.bids.templates import find_atlas, find_template
from qsmbids.errors import InputError
from qsmbids.settings import ATLAS_SPACE, DEEP_GREY, SPACE, Settings


def with_templates(settings: Settings) -> tuple[Settings, list[str]]:
    """Return the settings without the templates and atlases that cannot be had, and why not.

    Each is downloaded here, once, where TemplateFlow does not have it yet.
    """
    told: list[str] = []
    atlases = tuple(name for name in settings.atlases if _atlas_is_there(name, told))
    spaces = tuple(name for name in settings.output_spaces if _space_is_there(name, told))
    return replace(settings, atlases=atlases, output_spaces=spaces), told


def _atlas_is_there(name: str, told: list[str]) -> bool:
    if name == DEEP_GREY:
        return True
    try:
        find_atlas(ATLAS_SPACE, name)
    except InputError as error:
        told.append(f"{error} The run goes on without the atlas {name}.")
        return False
    return _space_is_there(ATLAS_SPACE, told)


def _space_is_there(name: str, told: list[str]) -> bool:
    if name == SPACE:
        return True
    try:
        find_template(name)
    except InputError as error:
        told.append(f"{error} The run goes on without the space {name}.")
        return False
    return True

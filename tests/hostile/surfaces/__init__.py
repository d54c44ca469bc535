"""Everything that reads what others wrote, and hostile input for each: see `SURFACES`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from tests.hostile.surfaces.surface import Surface

_MODULES = ("images", "datasets", "commands", "stored")


def surfaces() -> Mapping[str, Surface]:
    """Return all surfaces by name."""
    found: dict[str, Surface] = {}
    for name in _MODULES:
        found |= importlib.import_module(f"tests.hostile.surfaces.{name}").SURFACES
    return found

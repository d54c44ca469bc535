"""From the total field to the local field: every method by one name and with one signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.background.background_methods import DEFAULT, METHODS
from qsmbids.lazy import lazily

if TYPE_CHECKING:
    from qsmbids.background.removal import LocalField, remove_background

__all__ = ["DEFAULT", "METHODS", "LocalField", "remove_background"]

__getattr__ = lazily(__name__, {"LocalField remove_background": "removal"})

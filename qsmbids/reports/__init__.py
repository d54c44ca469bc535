"""What a reader of the results sees: the participant's page and the methods text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsmbids.lazy import lazily
from qsmbids.reports.methods import methods_text

if TYPE_CHECKING:
    from qsmbids.reports.page import write_participant_page

__all__ = ["methods_text", "write_participant_page"]

__getattr__ = lazily(__name__, {"write_participant_page": "page"})  # Matplotlib with it

"""What a reader of the results sees: the participant's page and the methods text."""

from __future__ import annotations

from typing import Any

from qsmbids.reports.methods import methods_text

__all__ = ["methods_text", "write_participant_page"]


def __getattr__(name: str) -> Any:
    """Import ``write_participant_page``, and matplotlib with it, at first use."""
    if name == "write_participant_page":
        from qsmbids.reports.page import write_participant_page

        return write_participant_page
    raise AttributeError(f"module 'qsmbids.reports' has no attribute {name!r}")

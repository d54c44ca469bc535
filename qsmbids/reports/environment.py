"""The templates of all pages."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from qsmbids.reports.checks.check import figure
from qsmbids.reports.methods import show


@cache  # compiling them takes an eighth of a page's time
def environment() -> Environment:
    """Return the pages' templates, with their filters ``show`` and ``figure``."""
    pages = Environment(
        loader=PackageLoader("qsmbids.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["show"] = show
    pages.filters["figure"] = figure
    return pages

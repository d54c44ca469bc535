"""Whether a map is right: what is measured, how it is judged, and what the page says of it."""

from qsmbids.reports.checks.check import Check
from qsmbids.reports.checks.judge import series_checks

__all__ = ["Check", "series_checks"]

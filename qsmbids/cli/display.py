"""The live display on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text


def make_live(snapshot: Callable[[], dict[str, Any]]) -> Live:
    """Return a live display that draws ``snapshot`` twice a second."""
    return Live(
        get_renderable=lambda: draw(snapshot()),
        refresh_per_second=2,
        transient=True,
        redirect_stderr=sys.stderr.isatty(),
    )


def draw(state: dict[str, Any]) -> Group:
    """Return what is shown: series and time left, then the running stages."""
    head = Table.grid(padding=(0, 1))
    left = "" if state["left"] is None else f", about {clock(state['left'])} left"
    failed = f", {state['failed']} failed" if state["failed"] else ""
    head.add_row(
        ProgressBar(total=max(state["total"], 1), completed=state["ended"], width=30),
        Text(
            f"{state['ended']} of {state['total']} series{failed}; "
            f"{state['participants_left']} participants to go; {clock(state['elapsed'])}{left}"
        ),
    )
    stages = [
        Text(f"  {series}: {stage} ({clock(seconds)})")
        for series, stage, seconds in state["running"]
    ]
    return Group(head, *stages)


def clock(seconds: float) -> str:
    """Write a duration.

    >>> clock(75), clock(4000)
    ('1:15', '1:06:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

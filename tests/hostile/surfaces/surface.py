"""What every surface promises: an answer or one sentence, soon, and nothing outside its folder."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy

from qsmbids.errors import QsmbidsError

HANGS = 60  # s; nothing here takes one
CANARY = "executed"
"""The name of a file beside the box that planted code would make."""


@dataclass(frozen=True)
class Surface:
    """One kind of input.

    Attributes
    ----------
    inputs : strategy
        Makes cases.
    read : callable
        Takes a case and an empty folder, writes the case there and lets qsmbids read it. It
        asserts what must hold of an answer; errors for the user pass through. Returns False for
        what was refused in another way.
    size : callable
        How many inputs a case holds.
    share : float
        Part of a run that it gets, relative to the others': what is fast gets more.
    """

    inputs: SearchStrategy[Any]
    read: Callable[[Any, Path], object]
    size: Callable[[Any], int] = lambda case: 1
    share: float = 1.0


def attempt(surface: Surface, case: Any) -> bool:
    """Let a surface read a case; return whether it was taken, not refused.

    Raises
    ------
    AssertionError
        If a promise is broken: an error that is none for the user or no sentence, a hang, files
        outside of the folder, planted code that ran.
    """
    with tempfile.TemporaryDirectory(prefix="hostile-") as outer:
        box = Path(outer) / "box"
        box.mkdir()
        taken = False
        try:
            with _limited():
                taken = surface.read(case, box) is not False
        except QsmbidsError as error:
            check_sentence(str(error))
        assert [path.name for path in Path(outer).iterdir()] == ["box"], "a path outside"
        assert not (box / CANARY).exists(), "planted code ran"
    return taken


def check_sentence(text: str) -> None:
    """Assert that a text is one that a user can read."""
    assert text.strip(), "no sentence"
    assert "Traceback" not in text
    assert "unforeseen" not in text, text
    assert text.replace("\n", "").isprintable(), f"what a terminal obeys: {text!r}"


@contextmanager
def _limited() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise AssertionError(f"did not end within {HANGS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

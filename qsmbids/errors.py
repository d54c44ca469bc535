"""The errors and warnings that a user is meant to read: one clear sentence each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


def readable(text: str) -> str:
    r"""Return a text with characters that a terminal would obey or not show as their escapes.

    Names of files may hold any: they could hide a sentence or write another.

    >>> readable("sub-\x1b[2J")
    'sub-\\x1b[2J'
    """
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode()
        for one in text
    )


def meant(word: str, known: Iterable[str]) -> str:
    """Return a question after a name that there is not, if one that there is looks like it.

    >>> meant("dcnt", ["dcnet", "tkd"]), meant("nothing", ["tkd"])
    (" Did you mean 'dcnet'?", '')
    """
    found = get_close_matches(word.lower(), list(known), 1)
    return f" Did you mean {found[0]!r}?" if found else ""


class QsmbidsError(Exception):
    """Base of every error whose text is written for the user."""

    def __str__(self) -> str:
        return readable(super().__str__())


class InputError(QsmbidsError):
    """Bad input: the sentence names the file, what is wrong and what to do."""


class QsmbidsWarning(UserWarning):
    """What a reader of a map should know of how it was made; it goes into the report."""


class UsageError(QsmbidsError):
    """The command line asks for something that cannot be done (exit code 2)."""


NO_MEMORY = (
    "there is not enough memory; end other programs, or ask for more where a queue or a container "
    "sets a limit."
)
_SIGNS = ("memoryerror", "cannot allocate memory", "can't allocate memory", "failed to map segment")


def lacks_memory(text: str) -> bool:
    """Tell from an error's name and text whether it was for want of memory.

    torch, and libraries that could not be loaded, have no error of their own for that.
    """
    return any(sign in text.lower() for sign in _SIGNS)


def sentence(error: Exception) -> str:
    """Return what a user is told of an error, whatever raised it."""
    text = " ".join(str(error).split())
    if isinstance(error, QsmbidsError):
        return str(error)
    kind = type(error).__name__
    if lacks_memory(f"{kind}: {text}"):
        return NO_MEMORY
    if isinstance(error, OSError) and error.errno:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{os.strerror(error.errno).lower()}; choose another folder, or make room."
    return f"an unforeseen {kind}: {text.rstrip('.')} (-v shows where it comes from)."


@contextmanager
def noted() -> Iterator[list[str]]:
    """Yield a list that holds, at the end, every `QsmbidsWarning` raised inside, each once.

    Other warnings go where they would have gone.
    """
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", QsmbidsWarning)
        yield notes
    for one in caught:
        if not issubclass(one.category, QsmbidsWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        elif str(one.message) not in notes:
            notes.append(str(one.message))

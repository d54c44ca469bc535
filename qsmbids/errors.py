"""The errors and warnings that a user is meant to read: one clear sentence each."""

from __future__ import annotations

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

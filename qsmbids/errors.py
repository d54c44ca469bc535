"""The errors and warnings that a user is meant to read: one clear sentence each."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class QsmbidsError(Exception):
    """Base of every error whose text is written for the user."""


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

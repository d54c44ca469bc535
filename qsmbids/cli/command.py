"""The commands beside ``qsmbids``: an exit code, and one sentence where something is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qsmbids.errors import UsageError, readable, sentence


@dataclass(frozen=True)
class Command:
    """A command that is called with its arguments, those of the process by default.

    It returns its exit code: 0, 1 for bad data, 2 for a bad command.

    Attributes
    ----------
    make_parser : callable
        Returns the parser, whose ``prog`` is the command's name.
    work : callable
        Does what the arguments ask for.
    """

    make_parser: Callable[[], argparse.ArgumentParser]
    work: Callable[[argparse.Namespace], None]

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Parse, work and return the exit code."""
        parser = self.make_parser()
        arguments = parser.parse_args(argv)
        return finish(parser.prog, lambda: self.work(arguments), verbose=bool(arguments.verbose))


def finish(name: str, work: Callable[[], None], *, verbose: bool) -> int:
    """Run a command's work and return its exit code.

    Parameters
    ----------
    name : str
        The command's, which begins the sentence on stderr.
    work : callable
        What to do.
    verbose : bool
        Let errors through, so that one sees where they are from.
    """
    try:
        work()
    except Exception as error:
        if verbose:
            raise
        print(f"{name}: {readable(_sentence(error))}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _sentence(error: Exception) -> str:
    """Say what is wrong; the mathematics raises ``ValueError`` for arguments that cannot be."""
    if isinstance(error, ValueError):
        return f"{' '.join(str(error).split()).rstrip('.')}."
    return sentence(error)

"""``qsmbids``: from arguments to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from qsmbids.cli.levels import find_level
from qsmbids.errors import UsageError, readable, sentence

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        0 all is well, 1 something failed, 2 the command cannot be carried out.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        return _dispatch(arguments)
    except UsageError as error:
        return _say(str(error), USAGE)
    except KeyboardInterrupt:
        return _say("stopped; the same command goes on from here.", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if any(word in ("--verbose", "-v", "-vv", "-vvv") for word in arguments):
            raise
        return _say(sentence(error), FAILED)


def _dispatch(arguments: list[str]) -> int:
    """Parse what a level asks for, and only then import what does it."""
    level = find_level(arguments)
    if level is None and arguments[:1] == ["slurm"]:
        from qsmbids.cli.slurm import write_script

        return write_script(arguments[1:])
    if level == "train":
        from qsmbids.cli.train import train

        return train(arguments)
    if level == "evaluate":
        from qsmbids.cli.evaluate import parse_evaluation, run_evaluation

        return run_evaluation(parse_evaluation(arguments))
    from qsmbids.cli.parser import read
    from qsmbids.workflows.workers import start_early

    settings = read(arguments)
    start_early(settings)
    import qsmbids.workflows.quick_imports  # noqa: F401, before others import nibabel
    from qsmbids.cli.run import run

    return run(settings)


def _say(text: str, code: int) -> int:
    print(f"qsmbids: {readable(text)}", file=sys.stderr)
    return code

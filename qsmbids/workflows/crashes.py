"""What went wrong, from the text of a crash."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import NamedTuple

from qsmbids.errors import NO_MEMORY, lacks_memory


class Crash(NamedTuple):
    """The node that crashed, and the text it left."""

    stage: str
    text: str


def take_crash(folder: Path, prefix: str, since: float) -> Crash | None:
    """Return the crash of a node whose full name begins with ``prefix``; its file is removed.

    Plugins other than ours write Nipype's crash files, which name the node in their first line.
    """
    for path in sorted(folder.glob("crash-*.txt")):
        text = path.read_text(encoding="utf-8", errors="replace")
        name = text.partition("\n")[0].removeprefix("Node: ")
        if name.startswith(prefix) and path.stat().st_mtime >= since - 1:
            path.unlink()
            return Crash(name.rpartition(".")[2], text)
    return None


_ERROR = re.compile(r"^\s*(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt|Exit))(?:: (.+))?$")


def sentence(text: str) -> str:
    r"""Return the error's own sentence from a traceback's text.

    >>> sentence("Traceback ...\n  qsmbids.errors.InputError: a.nii.gz is empty.\n")
    'a.nii.gz is empty.'
    """
    if any(f"[Errno {number}]" in text for number in (errno.ENOSPC, errno.EDQUOT)):
        return "the disk is full; free space, or choose another folder."
    lines = text.splitlines()
    for line in reversed(lines):
        found = _ERROR.match(line)
        if found:
            if lacks_memory(line):
                return NO_MEMORY
            told = found[2] or "no reason was given"
            if found[1] == "FileNotFoundError":
                return f"a file was removed while the run went on ({told}); start it again."
            expected = found[1] in ("InputError", "UsageError", "QsmbidsError")
            return told if expected else f"an unforeseen {found[1]}: {told}"
    return next((line.strip() for line in reversed(lines) if line.strip()), "no reason was given")

"""Whether an input is still the one that was read: told by its status, decided by its content."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from qsmbids.errors import InputError

_BLOCK = 1 << 20
_RACY = 1_000_000_000  # ns in which the clock of a disk may stand still


class Status(NamedTuple):
    """What changes with a file's content, and costs nothing to ask.

    The time of its last change of status (ctime) cannot be set back by a copy that keeps times.
    """

    size: int
    modified: int
    changed: int
    inode: int


class Signature(NamedTuple):
    """A file's status, and the digest of what it held."""

    status: Status
    digest: str

    def holds(self, path: Path) -> bool:
        """Tell whether a file holds the same; it is read only if its status is another."""
        return status_of(path) == self.status or digest_of(path) == self.digest


def status_of(path: Path) -> Status:
    """Return the status of a file.

    Raises
    ------
    OSError
        If it is not there.
    """
    found = path.stat()
    return Status(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def digest_of(path: Path) -> str:
    """Return a digest of a file's content."""
    found = blake2b(digest_size=16)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


class Signer:
    """Signs input files beside a run, each once, in a thread.

    What is read in the meantime is the file as it was signed if its status is still the same in
    the end, or its content.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._found: dict[Path, tuple[Status, Future[str]]] = {}

    def begin(self, paths: Iterable[Path]) -> None:
        """Take the status of files now, and their digests soon.

        Raises
        ------
        OSError
            If one of them is not there.
        """
        for path in paths:
            if path not in self._found:
                self._found[path] = status_of(path), self._pool.submit(digest_of, path)

    def finish(self, paths: Sequence[Path]) -> dict[Path, Signature]:
        """Return the signatures of files that have not changed since `begin`.

        Raises
        ------
        InputError
            If one has changed, or is gone.
        """
        signed = {}
        for path in paths:
            status, digest = self._found[path]
            try:
                known, now = digest.result(), status_of(path)
                same = now == status or digest_of(path) == known
            except OSError:
                same = False
            if not same:
                raise InputError(
                    f"{path.name} was changed, replaced or removed while the run went on, so what "
                    "was made of it is not counted; run the same command again."
                )
            signed[path] = Signature(_settled(now), known)
        return signed

    def close(self) -> None:
        """Give up what is not signed yet."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def signer() -> Iterator[Signer]:
    """Give a `Signer` that is closed at the end."""
    own = Signer()
    try:
        yield own
    finally:
        own.close()


def sign(paths: Sequence[Path]) -> dict[Path, Signature]:
    """Return the signatures of files as they are now."""
    with signer() as own:
        own.begin(paths)
        return own.finish(paths)


def _settled(status: Status) -> Status:
    """Return a status that no later change of the file can have.

    The clock of a disk moves in steps: a file written a moment ago may be written again at the
    same time. Then the content has to decide when the file is looked at next.
    """
    young = time.time_ns() - status.changed < _RACY
    return status._replace(changed=-1) if young else status


def to_json(signature: Signature) -> list[Any]:
    """Return a signature as JSON keeps it."""
    return [*signature.status, signature.digest]


def from_json(content: Sequence[Any]) -> Signature:
    """Return a signature that `to_json` wrote."""
    *status, digest = content
    return Signature(Status(*status), digest)

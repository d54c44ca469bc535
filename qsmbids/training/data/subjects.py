"""The subjects that a training learns from: a folder with one local field a file."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from qsmbids.errors import InputError
from qsmbids.networks.weights_file import digest
from qsmbids.training.data.subject import Subject, read_subject

KEPT = 4
"""Subjects held in memory by each process that makes data."""


class Subjects:
    """The subjects of a store; every file is read and checked once, here.

    Parameters
    ----------
    folder : Path
        Written by `qsmbids.training.data.subject.save_subject`.

    Attributes
    ----------
    names : tuple of str
        Sorted.
    with_chi : tuple of str
        Those whose susceptibility is known.
    shapes : dict of str to (3,) tuple of int
        Each one's grid.

    Raises
    ------
    InputError
        If there is no subject, or a file is damaged or holds what cannot be used.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._kept: OrderedDict[str, Subject] = OrderedDict()
        self.shapes: dict[str, tuple[int, ...]] = {}
        with_chi = []
        for path in sorted(folder.glob("[!.]*.npz")):
            subject = read_subject(path)
            self.shapes[path.stem] = subject.mask.shape
            if subject.chi is not None:
                with_chi.append(path.stem)
        if not self.shapes:
            raise InputError(
                f"{folder} holds no subject (<name>.npz) to train on; give the folder of a store."
            )
        self.names, self.with_chi = tuple(self.shapes), tuple(with_chi)

    def load(self, name: str) -> Subject:
        """Return a subject; the last few are kept in memory."""
        if name not in self._kept:
            self._kept[name] = read_subject(self.folder / f"{name}.npz")
        self._kept.move_to_end(name)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[name]

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each subject's file."""
        return {name: digest(self.folder / f"{name}.npz") for name in self.names}

"""One BIDS dataset as PyBIDS sees it: its images, and the metadata of each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from qsmbids.bids.names import entities_of, suffix_of
from qsmbids.errors import InputError, UsageError
from qsmbids.files import load_json

IMAGES = [".nii.gz", ".nii"]
# Nothing that susceptibility mapping reads lies in these folders; walking them costs time.
_NOT_INDEXED = (
    re.compile(r"^/(code|models|sourcedata|stimuli|derivatives|logs)(/|$)"),
    re.compile(r"/(func|dwi|perf|pet|eeg|ieeg|meg|nirs|beh|motion|mrs|micr|figures|log)(/|$)"),
)


class Dataset:
    """A raw or derivatives dataset.

    Parameters
    ----------
    name : str
        Its name in BIDS URIs: ``raw``, or the one given with ``--derivatives``.
    root : Path
        Its folder.
    participants, sessions : iterable of str
        Only these are indexed; empty means all.
    database : Path, optional
        A PyBIDS database to reuse, or to make; it holds all participants.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        *,
        participants: Iterable[str] = (),
        sessions: Iterable[str] = (),
        database: Path | None = None,
    ):
        self.name = name
        self.root = Path(root).resolve()  # PyBIDS gives paths without ".."
        self._participants = list(participants)
        ignored = [*_NOT_INDEXED]
        if database is None:
            ignored += _all_but("sub", self._participants) + _all_but("ses", sessions)
        self._layout = _index(self.root, ignored, database)
        self._contents: dict[Path, dict[str, Any]] = {}

    @property
    def is_derivative(self) -> bool:
        """Whether the dataset describes itself as derivatives."""
        return bool((self._layout.description or {}).get("DatasetType") == "derivative")

    def images(self, filters: Mapping[str, Any]) -> list[Path]:
        """Return the images that pass PyBIDS entity filters, in order of their names.

        Raises
        ------
        UsageError
            If a filter's entity is unknown.
        """
        query = {name: _value(name, value) for name, value in filters.items()}
        if self._participants:
            query.setdefault("subject", self._participants)
        try:
            found = self._layout.get(
                scope="self", return_type="filename", **{"extension": IMAGES, **query}
            )
        except (ValueError, OverflowError) as error:  # a number that SQLite has no room for
            raise UsageError(f"The BIDS filter cannot be used: {error}") from error
        return sorted(Path(path) for path in found)

    def dotted(self) -> list[Path]:
        """Return the images with a dot within their names: to BIDS, all behind it is extension."""
        names = map(Path, self._layout.files)
        return sorted(
            path
            for path in names
            if path.name.endswith(tuple(IMAGES))
            and "." in path.name.removesuffix(".gz").removesuffix(".nii")
        )

    def relative(self, path: Path) -> str:
        """Name a file for the user: relative to the dataset, with its name unless raw."""
        name = path.relative_to(self.root).as_posix()
        return name if self.name == "raw" else f"{self.name}:{name}"

    def uri(self, path: Path) -> str:
        """Return the BIDS URI of a file."""
        return f"bids:{self.name}:{path.relative_to(self.root).as_posix()}"

    def metadata(self, image: Path) -> dict[str, Any]:
        """Return an image's metadata by the BIDS inheritance principle.

        Unlike PyBIDS's own metadata, this reads no other file's sidecars, so that an unreadable
        one spoils only the images it belongs to.

        Raises
        ------
        InputError
            If one of the sidecars is unreadable.
        """
        named = entities_of(image).items()
        merged: dict[str, Any] = {}
        inside = image.parent.relative_to(self.root).parts
        for depth in range(len(inside) + 1):
            folder = self.root.joinpath(*inside[:depth])
            for sidecar, owned in self._sidecars.get((folder, suffix_of(image)), ()):
                if owned.items() <= named:
                    merged.update(self._read(sidecar))
        return {name: value for name, value in merged.items() if value is not None}

    @cached_property
    def _sidecars(self) -> dict[tuple[Path, str], list[tuple[Path, dict[str, str]]]]:
        """All JSON files with their entities by folder and suffix, the more general first."""
        found: dict[tuple[Path, str], list[tuple[Path, dict[str, str]]]] = {}
        query: dict[str, Any] = {"extension": ".json"}
        if self._participants:
            query["subject"] = [*self._participants, None]  # none: those that all inherit
        paths = map(Path, self._layout.get(scope="self", return_type="filename", **query))
        named = [(path, entities_of(path)) for path in paths]
        for path, owned in sorted(named, key=lambda item: (len(item[1]), item[0])):
            found.setdefault((path.parent, suffix_of(path)), []).append((path, owned))
        return found

    def _read(self, sidecar: Path) -> dict[str, Any]:
        if sidecar not in self._contents:
            try:
                content = load_json(sidecar)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"The sidecar {self.relative(sidecar)} is unreadable ({error}); "
                    "correct it, or export it again."
                ) from error
            if not isinstance(content, dict):
                raise InputError(
                    f"The sidecar {self.relative(sidecar)} holds no JSON object; "
                    "correct it, or export it again."
                )
            self._contents[sidecar] = content
        return self._contents[sidecar]


def _all_but(entity: str, labels: Iterable[str]) -> list[re.Pattern[str]]:
    """Return patterns of all paths with another label of ``entity`` than the wanted ones."""
    wanted = "|".join(map(re.escape, labels))
    return [re.compile(rf"/{entity}-(?!({wanted})(/|_|$))")] if wanted else []


def _value(name: str, value: Any) -> Any:
    """Turn a filter's value from JSON into PyBIDS's: null is none, ``*`` is any."""
    from bids.layout import Query

    several = value if isinstance(value, list) else [value]
    if not all(one is None or isinstance(one, str | int | float | Query) for one in several):
        raise UsageError(
            f"The BIDS filter cannot be used: {name} must be a text, a number, null, or a list of "
            "these."
        )
    if value is None:
        return Query.NONE
    return Query.ANY if value == "*" else value


def _index(root: Path, ignored: list[re.Pattern[str]], database: Path | None) -> Any:
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    description = root / "dataset_description.json"
    if description.exists() and not description.is_file():  # PyBIDS would wait for a pipe
        raise InputError(f"{description} is a folder, pipe or device; put a file in its place.")
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=ignored)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layout = BIDSLayout(
                root,
                validate=False,
                config=["bids", "derivatives"],
                indexer=indexer,
                database_path=database,
            )
    except Exception as error:  # PyBIDS, SQLite and the file system each have their own
        raise InputError(f"PyBIDS could not index {root}: {error}") from error
    if Path(layout.root).resolve() != root.resolve():
        raise UsageError(
            f"The database in {database} was made from {layout.root}, not from {root}; "
            "remove it or name another with --bids-database-dir."
        )
    return layout

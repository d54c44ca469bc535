"""Weights files as files: which there are, whether one is sound, what it says of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsmbids.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[np.generic]]

FORMAT = "qsmbids-1"
FOLDER = Path(str(files("qsmbids"))) / "data" / "weights"
INVERSIONS, SPREADS, BRAIN_MASKS = ("direct", "consistent"), ("spread",), ("brainmask",)
"""Architectures of maps, of their uncertainty and of brain masks; told here, for torch takes
seconds to import."""


def bundled() -> dict[str, Path]:
    """Return the weights files that the package ships, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def locate(weights: str | Path) -> Path:
    """Return the path of a weights file, or of one that the package ships by name.

    Raises
    ------
    InputError
        If there is none.
    """
    shipped = bundled()
    path = shipped.get(str(weights), Path(weights))
    if not path.is_file():
        names = ", ".join(shipped)
        raise InputError(
            f"The weights file {path} does not exist; give the path of one, or a name that the "
            f"package ships: {names}."
        )
    return path


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
    """Return the card and the arrays of a weights file.

    Raises
    ------
    InputError
        If the file is damaged or not one of the package's.
    """
    metadata, arrays = _open(path)
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} holds no weights of qsmbids; give a file that its training wrote."
        )
    if metadata.get("sha256") != checksum(arrays):
        raise InputError(f"{path} is damaged: its checksum is wrong; copy or download it again.")
    return _card(metadata.get("card", ""), path), arrays


def _card(text: str, path: Path) -> dict[str, Any]:
    try:
        card = json.loads(text)
        kinds = {"architecture": str, "config": dict}
        sound = all(isinstance(card[key], kind) for key, kind in kinds.items())
        if sound and isinstance(card.get("recipe", {}), dict):
            return card  # type: ignore[no-any-return]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise InputError(
        f"{path} has no sound card (architecture, config, recipe); give a file that training wrote."
    )


def describe(weights: str | Path, architectures: Collection[str] = INVERSIONS) -> dict[str, Any]:
    """Return what a sidecar says of weights, after a look at all of the file.

    Parameters
    ----------
    weights : path-like
        Path of a weights file, or the name of one that the package ships.
    architectures : collection of str
        Of which it must be one.

    Returns
    -------
    dict
        ``Name``, ``SHA256`` of the file, ``Recipe``, ``Steps`` and ``Commit`` of its training.

    Raises
    ------
    InputError
        If the file is missing, damaged, not one of the package's, or of another architecture.
    """
    path = locate(weights)
    card, _ = read(path)
    if card["architecture"] not in architectures:
        raise InputError(
            f"{path} is of the architecture {card['architecture']!r}; this needs one of: "
            f"{', '.join(architectures)}."
        )
    return {
        "Name": str(card.get("name") or path.stem),
        "SHA256": digest(path),
        "Recipe": (card.get("recipe") or {}).get("name"),
        "Steps": card.get("steps"),
        "Commit": card.get("commit"),
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksum(tensors: Tensors) -> str:
    """Return the SHA-256 of the arrays' names and bytes, which a weights file carries."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].tobytes())
    return found.hexdigest()


def _open(path: Path) -> tuple[dict[str, str], dict[str, NDArray[np.generic]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: bfloat16 in NumPy
        raise InputError(f"{path} is damaged or no safetensors file; copy it again.") from error

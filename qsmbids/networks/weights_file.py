"""Weights files without torch: which there are, whether one is sound, what its card says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsmbids.errors import InputError
from qsmbids.networks import architectures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[np.generic]]

FORMAT = "qsmbids-1"
FOLDER = Path(str(files("qsmbids"))) / "data" / "weights"
_NUMBER = (int, float)
_PARTS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "architecture": (str, "a name"),
    "config": (dict, "an object"),
    "recipe": (dict, "an object"),
    "recipe.corruption": (dict, "an object"),
    "recipe.corruption.tilt": (_NUMBER, "a number"),
    "recipe.corruption.axial": (_NUMBER, "a number"),
    # the same in cards of earlier versions
    "recipe.degradation": (dict, "an object"),
    "recipe.degradation.tilt": (_NUMBER, "a number"),
    "recipe.degradation.axial": (_NUMBER, "a number"),
}
"""What is read of a card, and its type."""
_NEEDED = ("architecture", "config")


def bundled(purpose: str | None = None) -> dict[str, Path]:
    """Return the weights files that the package ships, by name; of one purpose if it is given."""
    shipped = {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}
    if purpose is None:
        return shipped
    wanted = architectures.names(purpose)
    return {name: path for name, path in shipped.items() if read(path)[0]["architecture"] in wanted}


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
        If the file is damaged or not one of the package's, or its card or numbers cannot be used.
    """
    metadata, arrays = _open(path)
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} holds no weights of qsmbids; give a file that its training wrote."
        )
    if metadata.get("sha256") != checksum(arrays):
        raise InputError(f"{path} is damaged: its checksum is wrong; copy or download it again.")
    if not all(_finite(array) for array in arrays.values()):
        raise InputError(f"{path} holds weights that are no numbers; train again from others.")
    return _card(path, metadata.get("card")), arrays


def _card(path: Path, text: str | None) -> dict[str, Any]:
    """Return the card of a weights file, after a look at what others read of it."""
    if text is None:
        raise InputError(
            f"{path} has no card, which says what network it holds; give a file as training wrote "
            "it."
        )
    try:
        card = json.loads(text)
    except (ValueError, RecursionError):
        card = None
    if not isinstance(card, dict):
        raise InputError(f"The card in {path} is no JSON object; give a file as training wrote it.")
    for name, (kind, what) in _PARTS.items():
        value: Any = card
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, kind) and (value is not None or name in _NEEDED):
            told = "is missing" if value is None else f"is not {what}"
            raise InputError(
                f"The card in {path} cannot be used: its {name} {told}; give a file as training "
                "wrote it."
            )
    return card


def describe(weights: str | Path, purpose: str = "inversion") -> dict[str, Any]:
    """Return what a sidecar says of weights, after a look at all of the file.

    Parameters
    ----------
    weights : path-like
        Path of a weights file, or the name of one that the package ships.
    purpose : {"inversion", "uncertainty", "brain mask"}
        What its network must compute.

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
    fitting = architectures.names(purpose)
    if card["architecture"] not in fitting:
        raise InputError(
            f"{path} is of the architecture {card['architecture']!r}; this needs one of: "
            f"{', '.join(fitting)}."
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


def _finite(array: NDArray[np.generic]) -> bool:
    import numpy as np

    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _open(path: Path) -> tuple[dict[str, str], dict[str, NDArray[np.generic]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: bfloat16 in NumPy
        raise InputError(f"{path} is damaged or no safetensors file; copy it again.") from error

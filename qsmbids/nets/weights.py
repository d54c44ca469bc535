"""Weights files: half-precision safetensors that know their architecture, and a model card."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from qsmbids.errors import InputError
from qsmbids.nets.inversion import ARCHITECTURES, Inversion

FORMAT = "qsmbids-1"


def save_weights(model: Inversion, path: Path | str, card: dict[str, Any] | None = None) -> Path:
    """Write ``model`` to ``path`` (.safetensors) and its card beside it (.json).

    Parameters
    ----------
    model : Inversion
        Stored in half precision, statistics of batch normalization in single.
    path : path-like
        The file to write; the card takes its name with the suffix ``.json``.
    card : dict, optional
        What to say of the weights: data, recipe, seed, steps, scores. It goes into the
        weights file too, so that one file is enough.

    Returns
    -------
    Path
        The weights file.
    """
    path = Path(path)
    tensors = {name: _small(name, value) for name, value in model.state_dict().items()}
    about = {"architecture": model.name, "config": model.config, **(card or {})}
    metadata = {
        "format": FORMAT,
        "card": json.dumps(about, sort_keys=True),
        "sha256": _digest(tensors),
    }
    temporary = path.with_name(path.name + ".part")
    save_file(tensors, temporary, metadata)
    temporary.chmod(0o644)  # the library makes it readable by its owner alone
    temporary.replace(path)
    about["file"] = {"name": path.name, "sha256": digest(path), "bytes": path.stat().st_size}
    path.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n")
    return path


def load_weights(path: Path | str) -> tuple[Inversion, dict[str, Any]]:
    """Return the network of a weights file, ready to run, and its card.

    Raises
    ------
    InputError
        If the file is missing, damaged, not one of the package's, or does not fit the
        architecture that it names.
    """
    path = Path(path)
    metadata, tensors = _read(path)
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} holds no weights of qsmbids; give a file that its training wrote."
        )
    if metadata.get("sha256") != _digest(tensors):
        raise InputError(f"{path} is damaged: its checksum is wrong; copy or download it again.")
    card: dict[str, Any] = json.loads(metadata["card"])
    name = card["architecture"]
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise InputError(f"{path} is of the architecture {name!r}; this version knows {known}.")
    try:
        model = ARCHITECTURES[name](**card["config"])
        model.load_state_dict({key: value.float() for key, value in tensors.items()})
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} does not fit its architecture {name!r}: another version wrote it; "
            "train again or install that version."
        ) from error
    return model.eval(), card


def bundled() -> dict[str, Path]:
    """Return the weights files that the package ships, by name."""
    folder = Path(str(files("qsmbids"))) / "data" / "weights"
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise InputError(f"The weights file {path} does not exist.")
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged or no safetensors file; copy it again.") from error


def _small(name: str, value: Tensor) -> Tensor:
    keep = "running_" in name or "trust" in name or not value.is_floating_point()
    return value.detach().cpu().contiguous() if keep else value.detach().cpu().half().contiguous()


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

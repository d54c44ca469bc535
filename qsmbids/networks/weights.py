"""Saving networks as half-precision safetensors with a model card, and loading them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from safetensors.torch import save
from torch import Tensor

from qsmbids.errors import InputError
from qsmbids.files import whole_file
from qsmbids.networks import weights_file as files
from qsmbids.networks.architectures import ARCHITECTURES
from qsmbids.networks.base import InversionNet, Network

Kind = TypeVar("Kind", bound=Network)


def save_weights(model: Network, path: Path | str, card: dict[str, Any] | None = None) -> Path:
    """Write ``model`` to ``path`` (.safetensors) and its card beside it (.json).

    Parameters
    ----------
    model : Network
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
        "format": files.FORMAT,
        "card": json.dumps(about, sort_keys=True),
        "sha256": files.checksum({name: value.numpy() for name, value in tensors.items()}),
    }
    with whole_file(path) as stream:
        stream.write(save(tensors, metadata))
    about["file"] = {"name": path.name, "sha256": files.digest(path), "bytes": path.stat().st_size}
    path.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n")
    return path


@overload
def load_weights(path: Path | str) -> tuple[InversionNet, dict[str, Any]]: ...
@overload
def load_weights(path: Path | str, kind: type[Kind]) -> tuple[Kind, dict[str, Any]]: ...
def load_weights(
    path: Path | str, kind: type[Network] = InversionNet
) -> tuple[Network, dict[str, Any]]:
    """Return the network of a weights file, ready to run, and its card.

    Parameters
    ----------
    path : path-like
        The weights file, or the name of one that the package ships.
    kind : type
        What the network must be: `InversionNet`, `UncertaintyNet` or another class, or a subclass.

    Raises
    ------
    InputError
        If the file is missing, damaged, not one of the package's, of another kind, or does not
        fit the architecture that it names.
    """
    path = files.locate(path)
    card, arrays = files.read(path)
    name = card["architecture"]
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise InputError(f"{path} is of the architecture {name!r}; this version knows {known}.")
    network: type[Network] = ARCHITECTURES[name].load()
    if not issubclass(network, kind):
        fitting = ", ".join(n for n, a in ARCHITECTURES.items() if issubclass(a.load(), kind))
        raise InputError(
            f"{path} is of the architecture {name!r}, which has another purpose; "
            f"give weights of: {fitting}."
        )
    try:
        model = network(**card["config"])
        model.load_state_dict({key: torch.tensor(value).float() for key, value in arrays.items()})
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
        raise InputError(
            f"{path} does not fit its architecture {name!r}: another version wrote it; "
            "train again or install that version."
        ) from error
    return model.eval(), card


def _small(name: str, value: Tensor) -> Tensor:
    keep = "running_" in name or name in ("trust", "doubt") or not value.is_floating_point()
    return value.detach().cpu().contiguous() if keep else value.detach().cpu().half().contiguous()

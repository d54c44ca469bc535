"""Put trained weights among those of the package: ``python -m qsmbids.training.ship DIR ...``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from qsmbids.errors import InputError, QsmbidsError
from qsmbids.networks.base import Network
from qsmbids.networks.weights import load_weights, save_weights
from qsmbids.networks.weights_file import FOLDER, digest

PARTS = ("name", "commit", "recipe", "overrides", "start", "steps", "minutes", "scores")
"""What the card of a mean keeps of each of its trainings."""


def ship(trained: Path, folder: Path = FOLDER) -> Path:
    """Copy the weights of a training's folder, with their card, under the recipe's name.

    Parameters
    ----------
    trained : Path
        Written by `qsmbids.training.run.train`.
    folder : Path
        Where the package keeps its weights.

    Returns
    -------
    Path
        The copy.

    Raises
    ------
    InputError
        If there are no weights, or they are damaged.
    """
    model, card = load_weights(trained / "weights.safetensors", Network)
    return save_weights(model, folder / f"{card['name']}.safetensors", card)


def ship_mean(
    trained: Sequence[Path], name: str, scores: Mapping[str, float], folder: Path = FOLDER
) -> Path:
    """Write the mean weights of trainings that started from one another or from the same weights.

    Such weights lie in one valley of the loss: their mean keeps what each has learnt of its own
    data, where a further training on other data forgets.

    Parameters
    ----------
    trained : sequence of Path
        Folders of trainings of one network.
    name : str
        Of the weights.
    scores : mapping of str to float
        What was measured of the mean, by name: no training did.
    folder : Path
        Where the package keeps its weights.

    Raises
    ------
    InputError
        If there are no weights, they are damaged, or the networks differ.

    References
    ----------
    Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
    accuracy without increasing inference time", ICML 2022.
    """
    paths = [path / "weights.safetensors" for path in trained]
    models, cards = zip(*(load_weights(path, Network) for path in paths), strict=True)
    states = [model.state_dict() for model in models]
    shapes = [{key: value.shape for key, value in state.items()} for state in states]
    for path, shape in zip(paths, shapes, strict=True):
        if shape != shapes[0]:
            raise InputError(
                f"{path} is of another network than {paths[0]}; give trainings of one."
            )
    mean = {key: torch.stack([s[key].float() for s in states]).mean(0) for key in states[0]}
    models[-1].load_state_dict(mean)
    return save_weights(
        models[-1], folder / f"{name}.safetensors", _card(name, scores, paths, cards)
    )


def _card(
    name: str,
    scores: Mapping[str, float],
    paths: Sequence[Path],
    cards: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    parts = [
        {"sha256": digest(path), **{key: card[key] for key in PARTS if key in card}}
        for path, card in zip(paths, cards, strict=True)
    ]
    total = {key: sum(card.get(key, 0) for card in cards) for key in ("steps", "minutes")}
    kept = {key: value for key, value in cards[-1].items() if key != "start"}
    return {**kept, **total, "name": name, "scores": dict(scores), "mean_of": parts}


def main() -> int:
    """Ship every folder that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m qsmbids.training.ship", description=__doc__)
    parser.add_argument("trained", nargs="+", type=Path, metavar="DIR", help="of a training")
    parser.add_argument("--mean", metavar="NAME", help="ship their mean weights under that name")
    parser.add_argument(
        "--score",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="what was measured of the mean; repeat",
    )
    asked = parser.parse_args()
    if bool(asked.mean) != bool(asked.score):
        parser.error("--mean needs --score, which no other weights take")
    try:
        if asked.mean:
            paths = [ship_mean(asked.trained, asked.mean, {n: float(v) for n, v in asked.score})]
        else:
            paths = [ship(trained) for trained in asked.trained]
        for path in paths:
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    except QsmbidsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

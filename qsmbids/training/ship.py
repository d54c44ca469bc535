"""Put trained weights among those of the package: ``python -m qsmbids.training.ship DIR ...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from qsmbids.errors import QsmbidsError
from qsmbids.networks.base import Network
from qsmbids.networks.weights import load_weights, save_weights
from qsmbids.networks.weights_file import FOLDER


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


def main() -> int:
    """Ship every folder that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m qsmbids.training.ship", description=__doc__)
    parser.add_argument("trained", nargs="+", type=Path, metavar="DIR", help="of a training")
    try:
        for trained in parser.parse_args().trained:
            path = ship(trained)
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    except QsmbidsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

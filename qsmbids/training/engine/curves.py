"""The curves of a training, as lines of JSON and, where it is installed, for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class Record:
    """Writes ``log.jsonl`` and, if the package ``tensorboard`` is there, ``tensorboard/``.

    Parameters
    ----------
    folder : Path
        The training's.
    step : int
        From where the training goes on: what TensorBoard shows beyond it is dropped.
    """

    def __init__(self, folder: Path, step: int = 0):
        self.path, self._board = folder / "log.jsonl", None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(folder / "tensorboard", purge_step=step + 1)

    def __call__(self, step: int, seconds: float, values: Mapping[str, Any]) -> None:
        """Add values, some of them by name in turn, at a step."""
        line = {"step": step, "seconds": round(seconds, 1), **values}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self._board is None:
            return
        for name, value in values.items():
            parts = value if isinstance(value, Mapping) else {"": value}
            for part, number in parts.items():
                self._board.add_scalar("/".join(filter(None, (name, part))), number, step)
        self._board.flush()

    def close(self) -> None:
        """Finish the files."""
        if self._board is not None:
            self._board.close()

"""The curves of a training, as lines of JSON and, where it is installed, for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from qsmbids.training.engine.trainer import Callback, Trainer


class Curves(Callback):
    """Writes ``log.jsonl`` and, if the package ``tensorboard`` is there, ``tensorboard/``."""

    _board: Any = None

    def on_start(self, trainer: Trainer) -> None:
        """Open the files; what TensorBoard shows beyond the present step is dropped."""
        trainer.out.mkdir(parents=True, exist_ok=True)
        self.path = trainer.out / "log.jsonl"
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            folder = trainer.out / "tensorboard"
            self._board = SummaryWriter(folder, purge_step=trainer.clock.step + 1)

    def add(self, step: int, seconds: float, values: Mapping[str, Any]) -> None:
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

    def on_end(self, trainer: Trainer, complete: bool) -> None:
        """Finish the files."""
        if self._board is not None:
            self._board.close()

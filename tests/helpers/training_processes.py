"""What each process of the distributed tests runs: ``torchrun training_processes.py OUT TASK``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import torch
from training_tiny import tiny

from qsmbids.training.engine import batches, checkpoint
from qsmbids.training.engine.callbacks import Checkpoints, usual_callbacks
from qsmbids.training.engine.distributed import distributed
from qsmbids.training.engine.trainer import Trainer

RECIPE = tiny("qsminvnet", ema=0.0)


def main(out: Path, task: str) -> None:
    torch.set_num_threads(1)
    batches.CHECKED = {16: 1.0}
    with distributed("cpu") as processes:
        lines: list[str] = []
        trainer = Trainer(RECIPE, out, processes=processes, use_bfloat16=False, log=lines.append)
        if task == "stop" and processes.rank == 1:
            threading.Thread(target=_interrupt, args=(trainer,), daemon=True).start()
        if task == "break" and processes.rank == 1:
            trainer.step_loss.register_forward_hook(lambda module, given, loss: loss * torch.nan)
        callbacks = usual_callbacks()
        if task == "kill":
            callbacks.append(Checkpoints(every=-1))  # after each step
            if checkpoint.resume(trainer):
                (out / "resumed").write_text(str(trainer.clock.step))
            elif processes.rank == 1:
                trainer.optimizer.register_step_post_hook(lambda *_: _die_at(trainer, 1))
        try:
            steps = 3 if task in ("train", "kill") else 10_000
            trainer.run(steps=steps, workers=0, callbacks=callbacks)
        finally:
            state = {"model": trainer.model.state_dict(), "step": trainer.clock.step}
            torch.save({**state, "lines": len(lines)}, out / f"rank-{processes.rank}.pt")


def _die_at(trainer: Trainer, step: int) -> None:
    """Be killed within a step, as by the system when memory is short."""
    if trainer.clock.step == step:
        os.kill(os.getpid(), signal.SIGKILL)


def _interrupt(trainer: Trainer) -> None:
    """Tell this process alone to end, as a scheduler might."""
    while trainer.clock.step < 3:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

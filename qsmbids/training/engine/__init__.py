"""The training itself: trainer, callbacks, checkpoints, several processes."""

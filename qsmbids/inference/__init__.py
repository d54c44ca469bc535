"""Applying networks: whole volumes, tiles, resampling, fine-tuning, one subject alone."""

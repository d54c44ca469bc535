"""The papers' tables on simulated heads: one script each, one page each in docs/results."""

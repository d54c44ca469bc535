"""The commands: parsers and the run."""

"""Thin Nipype wrappers of the stages: files in, files out, no mathematics."""

"""Scripts that print figures: ``python -m benchmarks.NAME``; docs/measurements.md shows them."""

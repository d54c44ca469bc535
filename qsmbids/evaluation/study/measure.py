"""Every map of a scan against its reference."""

from __future__ import annotations

from qsmbids.bids.series_results import Derivative
from qsmbids.errors import InputError
from qsmbids.evaluation import evaluate, region_means
from qsmbids.evaluation.study.maps import Map, Scan
from qsmbids.evaluation.study.read_stack import load_stack
from qsmbids.evaluation.study.stack import Stack
from qsmbids.evaluation.study.tables import FAILED, OK, Row


def measure(scan: Scan) -> tuple[list[Row], Stack | None]:
    """Measure all maps of a scan; return a row for each, and the images if they could be read."""
    try:
        stack = load_stack(scan)
    except InputError as error:
        return [_failed(scan, one, one.problem or str(error)) for one in scan.maps], None
    return [_measure_map(scan, one, stack) for one in scan.maps], stack


def _measure_map(scan: Scan, one: Map, stack: Stack) -> Row:
    if one.method in stack.problems or one.image is None:
        return _failed(scan, one, stack.problems[one.method])
    chi, shared = stack.maps[one.method], (stack.reference, stack.mask)
    return Row(
        scan.key,
        one.method,
        OK,
        {**evaluate(chi, *shared, regions=stack.regions), **resources(one.image)},
        region_means(chi, *shared, stack.regions.nuclei),
        int(stack.mask.sum()),
        " ".join([*stack.warnings[one.method], *stack.notes]),
    )


def _failed(scan: Scan, one: Map, why: str) -> Row:
    return Row(scan.key, one.method, FAILED, message=why)


def resources(image: Derivative) -> dict[str, float]:
    """Return seconds and MB that the inversion took, as far as the map's sidecar tells."""
    stages = image.provenance.get("Stages")
    last = stages[-1] if isinstance(stages, list) and stages else None
    if not isinstance(last, dict):
        return {}
    told = {"seconds": last.get("Seconds"), "peak_memory_mb": last.get("PeakMemoryMB")}
    return {name: float(value) for name, value in told.items() if isinstance(value, int | float)}

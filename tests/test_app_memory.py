import numpy as np
import pytest

from qsmbids.interfaces import memory


def test_peak_counts_what_was_allocated_since_it_was_forgotten() -> None:
    memory.forget_peak()
    before = memory.peak()
    if not before:
        pytest.skip("this system does not tell")
    large = np.ones(100 * 2**20, np.uint8)
    del large
    after = memory.peak()["PeakMemoryMB"]
    assert 90 <= after - before["PeakMemoryMB"] <= 130
    memory.forget_peak()
    assert memory.peak()["PeakMemoryMB"] < after - 80

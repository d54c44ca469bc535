"""What a process holds of the memory that it has freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CODE = """
import numpy as np
from pathlib import Path
from qsmbids.freed_memory import give_back_memory, keep_freed_memory, nothing_kept

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

def used():
    arrays = [np.ones(5_000_000) for _ in range(8)]  # 320 MB
    return len(arrays)

start = held()
used()
usual = held() - start
keep_freed_memory()
used()
kept = held() - start
with nothing_kept():
    before = held() - start
    used()
    inside = held() - start
used()
again = held() - start
give_back_memory()
print(usual, kept, before, inside, again, held() - start)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or sys.platform != "linux", reason="glibc's own"
)
def test_what_is_freed_is_kept_until_it_is_given_back():
    out = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    usual, kept, before, inside, again, given = map(float, out.stdout.split())
    assert usual < 60
    assert kept > 250
    assert before < 60
    assert inside < 60
    assert again > 250
    assert given < 60

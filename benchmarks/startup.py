"""How long the app takes to answer: its help, and a dry run of one participant of many.

Run as ``python benchmarks/startup.py --participants 1000``. The dataset holds 0-byte images,
so that the figure is that of finding one's way, not of reading.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ECHO_TIMES = (0.004, 0.012, 0.020, 0.028)


def make_dataset(folder: Path, participants: int) -> None:
    """Write a multi-echo dataset of empty images."""
    folder.mkdir()
    (folder / "dataset_description.json").write_text('{"Name": "Empty", "BIDSVersion": "1.10.0"}')
    for number in range(1, participants + 1):
        label = f"sub-{number:04}"
        anat = folder / label / "anat"
        anat.mkdir(parents=True)
        for echo, echo_time in enumerate(ECHO_TIMES, start=1):
            for part in ("mag", "phase"):
                stem = f"{label}_echo-{echo}_part-{part}_MEGRE"
                (anat / f"{stem}.nii.gz").touch()
                content = {"EchoTime": echo_time, "MagneticFieldStrength": 3, "Units": "rad"}
                (anat / f"{stem}.json").write_text(json.dumps(content))


def seconds(command: list[str], runs: int = 3) -> float:
    """Return the shortest of several runs' times; the exit code does not matter."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=False)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=1000)
    asked = parser.parse_args()
    program = str(Path(sys.executable).parent / "qsmbids")
    print(f"qsmbids --help: {seconds([program, '--help']):.2f} s")
    with tempfile.TemporaryDirectory() as scratch:
        bids, out = Path(scratch) / "bids", Path(scratch) / "out"
        make_dataset(bids, asked.participants)
        command = [program, str(bids), str(out), "participant", "--dry-run"]
        one = seconds([*command, "--participant-label", "0500"])
        print(f"--dry-run, 1 of {asked.participants} participants: {one:.2f} s")
        print(f"--dry-run, all {asked.participants}: {seconds(command, runs=1):.1f} s")


if __name__ == "__main__":
    main()

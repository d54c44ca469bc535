"""What the checks of a page measure on right and wrong scans: their limits come from this table.

Run as ``python benchmarks/lights.py``: simulated heads of several seeds, field strengths, voxel
sizes and tilts, and with ``--real FOLDER`` a measured head (two magnitudes, a phase difference, a
mask). First which check leads for every head and case, then the range of each check, and from where
to where its values go for each case.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from scipy.fft import set_workers

from qsmbids.errors import InputError
from qsmbids.simulation import HeadRecipe, simulate_head

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from corruptions import CASES, Scan, lights, of_another, read_real, scan_of

_MM15 = {"shape": (109, 137, 137), "voxel_size": (1.5, 1.5, 1.5), "snr": 80.0}
_TIMES = (0.005, 0.011, 0.017, 0.023, 0.029)
HEADS: dict[str, dict[str, object]] = {
    "3 T": {**_MM15, "field_strength": 3.0, "echo_times": _TIMES},
    "3 T, other": {**_MM15, "field_strength": 3.0, "echo_times": _TIMES, "anatomy": 1, "seed": 1},
    "1.5 T": {**_MM15, "field_strength": 1.5, "echo_times": _TIMES, "anatomy": 12, "seed": 12},
    "7 T": {**_MM15, "field_strength": 7.0, "echo_times": (0.004, 0.01, 0.016, 0.022), "seed": 23},
    "7 T, other": {
        **_MM15,
        "field_strength": 7.0,
        "echo_times": (0.004, 0.01, 0.016, 0.022),
        "anatomy": 24,
        "seed": 24,
    },
    "tilted": {
        "shape": (137, 171, 103),
        "voxel_size": (1.2, 1.2, 2.0),
        "field_strength": 3.0,
        "echo_times": _TIMES,
        "snr": 80.0,
        "b0_tilt": (20.0, 10.0),
        "anatomy": 32,
        "seed": 32,
    },
    "1 mm": {"field_strength": 3.0, "echo_times": (0.005, 0.012, 0.019, 0.026), "seed": 5},
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, help="folder with images/ and masks/ of a real head")
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    parser.add_argument("--cases", nargs="+", default=[*CASES, "another"])
    asked = parser.parse_args()
    scans = {}
    for name in asked.heads:
        with set_workers(2):
            scans[name] = scan_of(simulate_head(HeadRecipe(**HEADS[name])))  # type: ignore[arg-type]
    if asked.real:
        scans["real"] = read_real(asked.real)
    _tell(scans, asked.cases)


def _tell(scans: dict[str, Scan], cases: list[str]) -> None:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    ranges: dict[str, str] = {}
    names = list(scans)
    print("head", "case", "leading light", "others", sep=" | ")
    for number, (head, scan) in enumerate(scans.items()):
        for case in cases:
            # the next head's phase; a measured one has no other of its kind
            make = CASES.get(case) or of_another(scans[names[(number + 1) % len(names)]])
            if case == "another" and scan.difference:
                continue
            try:
                checks = lights(make(scan))
            except InputError as error:
                print(head, case, f"refused: {error}", "", sep=" | ", flush=True)
                continue
            red = [check.name for check in checks if not check.good]
            print(head, case, *(red[:1] or ["none"]), ", ".join(red[1:]), sep=" | ", flush=True)
            for check in checks:
                ranges.setdefault(check.name, check.range)
                values[check.name][case].append(check.value)
    for name, by_case in values.items():
        print(f"\n{name}, expected {ranges[name]}")
        for case, found in by_case.items():
            print(f"  {case}: {min(found):.3g} to {max(found):.3g}")


if __name__ == "__main__":
    main()

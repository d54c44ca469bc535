"""Speed and peak memory of every stage and method against the size of the grid.

Run as ``python benchmarks/scaling --out docs/results/speed`` with nothing else running; it writes
``speed.json``, and from that ``speed.md`` and ``speed.svg``. ``--from docs/results/speed.json``
writes those two anew without measuring. ``--peers`` takes the interpreter of an environment
in which ``pip install brainextractor phase-unwrap qsm-forward scikit-image warpkit`` was done, to
measure these too.

Each case runs in a process of its own, with a limit of time and of memory; what is expected to
exceed one, from the size before, is left out, and the page says so.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import page
from run import Limits, about, run_all


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/scaling", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[64, 96, 128, 160, 192, 256, 320],
        help="voxels a side",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=12, help="limit of a call")
    parser.add_argument("--memory", type=float, default=12, help="limit in GB")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="kinds or names of cases")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has the peers")
    parser.add_argument("--out", default="speed", help="path of the results without its ending")
    parser.add_argument("--from", dest="source", type=Path, help="results to draw anew")
    asked = parser.parse_args()
    if min(asked.sizes) < 48:
        parser.error("the smallest grid must have 48 voxels a side: a brain must fit in")
    return asked


def results(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the results, read or measured."""
    if asked.source:
        found: dict[str, Any] = json.loads(asked.source.read_text())
        return found
    words = ["PYTHON" if word == asked.peers else word for word in sys.argv[1:]]
    command = shlex.join(["python", "benchmarks/scaling", *words])
    found = {"about": about(command, asked.threads, asked.peers)}
    found["limits"] = {"seconds": asked.seconds, "memory": asked.memory}
    limits = Limits(asked.seconds, asked.memory, asked.threads)
    with tempfile.TemporaryDirectory() as scratch:
        found |= run_all(sorted(asked.sizes), asked.only, asked.peers, limits, Path(scratch))
    return found


def main() -> None:
    """Measure, and write the page."""
    asked = parse()
    found = results(asked)
    target = asked.source.with_suffix("") if asked.source else Path(asked.out)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not asked.source:
        target.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    page.write(found, target)
    print(f"wrote {target}.json, .md, .svg")


if __name__ == "__main__":
    main()

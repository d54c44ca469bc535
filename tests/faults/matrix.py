"""All faults one after the other: ``make faults``. Prints what was tried and survived."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.faults import FAULTS
from tests.faults.scene import Scene


def undisturbed(folder: Path) -> Scene:
    """Return a run that nothing happened to."""
    scene = Scene(folder)
    assert scene.run().code == 0
    scene.expected = scene.images()
    return scene


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(FAULTS), help="names of faults")
    wanted = parser.parse_args().only
    survived = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as outer:
        expected = undisturbed(Path(outer) / "undisturbed").expected
        for number, name in enumerate(wanted):
            start = time.monotonic()
            try:
                FAULTS[name](Scene(Path(outer) / str(number), expected))
                survived, told = survived + 1, "survived"
            except AssertionError as error:
                told = f"NOT SURVIVED: {error}"
            print(f"{name}: {told} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{len(wanted)} tried, {survived} survived")
    return int(survived < len(wanted))


if __name__ == "__main__":
    sys.exit(_main())

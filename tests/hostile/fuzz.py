"""Hostile input without an end: ``make fuzz MINUTES=10``.

Rounds over all surfaces with new seeds until the time is over. Prints what was tried, and for what
broke a promise the case as small as hypothesis can make it; ends with 1 if there was any.
"""

from __future__ import annotations

import argparse
import logging
import random
import resource
import sys
import time
import traceback
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.hostile.surfaces import surfaces
from tests.hostile.surfaces.surface import Surface, attempt

_MEMORY = 8 << 30
_ENOUGH = 3  # rounds in which a surface broke a promise, after which it is left out
_ROUND = 50  # examples of a surface, times its share


def try_surface(
    surface: Surface, tried: Counter[str], *, examples: int, number: int | None = None
) -> None:
    """Try examples of a surface.

    Parameters
    ----------
    surface : Surface
    tried : Counter
        Counts the inputs, the cases that hold them, and those that were taken, not refused.
    examples : int
        How many cases.
    number : int, optional
        The seed; without it the cases are the same at each call.

    Raises
    ------
    AssertionError, Exception
        What a case broke, with the case as a note.
    """

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=number is None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(surface.inputs)
    def run(case: object) -> None:
        tried["inputs"] += surface.size(case)
        tried["cases"] += 1
        tried["taken"] += attempt(surface, case)

    (run if number is None else seed(number)(run))()


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", nargs="+", help="names of surfaces")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))  # a machine may be others' too
    logging.getLogger("nibabel").setLevel(logging.CRITICAL + 1)
    wanted = {n: s for n, s in surfaces().items() if not asked.only or n in asked.only}
    print(f"seed {asked.seed}")
    rng, end = random.Random(asked.seed), time.monotonic() + 60 * asked.minutes
    tried = {name: Counter[str]() for name in wanted}
    broken: Counter[str] = Counter()
    while wanted and time.monotonic() < end:
        for name, surface in list(wanted.items()):
            if time.monotonic() >= end:
                break
            examples, number = int(_ROUND * surface.share), rng.getrandbits(32)
            try:
                try_surface(surface, tried[name], examples=examples, number=number)
            except Exception:
                broken[name] += 1
                print(f"\n== {name}\n{traceback.format_exc()}", flush=True)
                if broken[name] == _ENOUGH:
                    del wanted[name]
    for name, found in tried.items():
        print(
            f"{name}: {found['inputs']} inputs in {found['cases']} cases, {found['taken']} cases "
            f"taken, {broken[name]} rounds broke a promise"
        )
    print(f"{sum(found['inputs'] for found in tried.values())} inputs, {broken.total()} broken")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(_main())

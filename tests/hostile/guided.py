"""Hostile input guided by the code that it reaches, where atheris is installed (from PyPI).

    PYTHONPATH=tests/helpers python -m tests.hostile.guided header -max_total_time=600

takes the name of a surface, then libFuzzer's options. What breaks a promise ends it with a
traceback and the bytes in a file, which it reads again when their path is given.
"""

from __future__ import annotations

import logging
import sys

from hypothesis import HealthCheck, given, settings


def _main() -> None:
    import atheris

    with atheris.instrument_imports(include=["qsmbids"]):
        from tests.hostile.surfaces import surfaces
        from tests.hostile.surfaces.surface import attempt

        known = surfaces()
    program, name, *options = sys.argv
    logging.getLogger("nibabel").setLevel(logging.CRITICAL + 1)

    @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(known[name].inputs)
    def run(case: object) -> None:
        attempt(known[name], case)

    atheris.Setup([program, *options], run.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    _main()

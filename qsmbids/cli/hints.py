"""A parser that asks what was meant."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

from qsmbids.errors import meant


class Parser(argparse.ArgumentParser):
    """A parser that asks whether another option or value was meant."""

    def error(self, message: str) -> NoReturn:
        """Say what cannot be read, what was probably meant, and end with 2."""
        wrong, known = "", list[str]()
        if found := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            wrong, known = found[1], re.findall(r"[^', ]+", found[2])
        elif found := re.search(r"unrecognized arguments: (--[^\s=]+)", message):
            wrong, known = found[1], [*self._option_string_actions]
        hint = meant(wrong, known)
        super().error(f"{message}.{hint}" if hint else message)

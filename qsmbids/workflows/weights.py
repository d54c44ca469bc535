"""``--weights``: from which weights each method starts, and whether they are sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qsmbids.errors import UsageError
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.masking import METHODS as MASKING
from qsmbids.registry import Method
from qsmbids.settings import Settings

Options = Mapping[str, Mapping[str, Any]]
NETWORKS = ("weights", "second")
"""The options that name a weights file."""
_READ_BY = ("run", "dry-run", "missing", "boilerplate-only")  # modes


def with_weights(
    options: Options, given: Sequence[str], methods: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the methods' options with ``--weights`` among them, and paths of weights absolute.

    Parameters
    ----------
    options : mapping of str to mapping
        What ``--option`` says, by method.
    given : sequence of str
        Each ``[METHOD=]PATH_OR_NAME``.
    methods : sequence of str
        The inversions asked for, and the brain extraction.

    Raises
    ------
    UsageError
        If it is not clear whose weights are meant, or they are given twice.
    """
    merged = {name: dict(values) for name, values in options.items()}
    for text in given:
        head, equals, tail = text.partition("=")
        named = bool(equals) and head in _methods()
        method, weights = (head, tail) if named else (_only_one(text, methods), text)
        if method not in methods or "weights" not in _methods()[method].defaults():
            raise UsageError(f"--weights {text}: {_whose(methods, text)}")
        if "weights" in merged.setdefault(method, {}):
            raise UsageError(f"--weights {text}: the weights of {method} are given twice.")
        merged[method]["weights"] = weights
    for values in merged.values():
        values |= {role: _absolute(values[role]) for role in NETWORKS if role in values}
    return merged


def with_digests(settings: Settings) -> Settings:
    """Return the settings with the digests of all weights that a run of them will read.

    It is a step of its own since it imports the methods, which takes a third of a second.

    Raises
    ------
    InputError
        See `digests`.
    """
    if settings.mode not in _READ_BY:
        return settings
    methods = (*settings.methods, settings.extraction)
    return replace(settings, weights=digests(methods, settings.options))


def digests(methods: Sequence[str], options: Options) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of the weights files that each method will read, after a look at them.

    Raises
    ------
    InputError
        If weights are missing, damaged, not of qsmbids, or of another architecture.
    """
    from qsmbids.networks.weights_file import describe

    found: dict[str, dict[str, str]] = {}
    for method in methods:
        chosen = _methods()[method].resolve(options.get(method, {}))
        purpose = "brain mask" if method in MASKING else "inversion"
        needed = {role: (chosen[role], purpose) for role in NETWORKS if role in chosen}
        if chosen.get("uncertainty"):
            needed["uncertainty"] = ("uncertainty", "uncertainty")
        if needed:
            found[method] = {role: describe(*file)["SHA256"] for role, file in needed.items()}
    return found


def _methods() -> dict[str, Method]:
    return {**INVERSION, **MASKING}


def _learned(methods: Sequence[str]) -> list[str]:
    return [name for name in methods if "weights" in _methods()[name].defaults()]


def _only_one(text: str, methods: Sequence[str]) -> str:
    candidates = _learned([name for name in methods if name not in MASKING])
    if len(candidates) != 1:
        raise UsageError(f"--weights {text}: {_whose(methods, text)}")
    return candidates[0]


def _whose(methods: Sequence[str], text: str) -> str:
    candidates = _learned([name for name in methods if name not in MASKING])
    if not candidates:
        able = ", ".join(_learned(tuple(INVERSION)))
        return f"no method asked for takes weights; ask for one of: {able}."
    weights = text.rpartition("=")[2]
    return f"write whose they are, such as {candidates[0]}={weights}."


def _absolute(weights: str) -> str:
    """Return a path as absolute, and the name of weights that the package ships as it is."""
    from qsmbids.networks.weights_file import bundled

    return weights if weights in bundled() else str(Path(weights).expanduser().resolve())

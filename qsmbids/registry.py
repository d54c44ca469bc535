"""Finding the methods of a stage by name, without importing any of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from qsmbids.errors import UsageError

# What a stage hands to its methods; magnitude and device only to those that take them.
COMMON = frozenset({"voxel_size", "b0_dir", "weight", "magnitude", "device"})


@dataclass(frozen=True)
class Method:
    """One method of a stage.

    Parameters
    ----------
    target : str
        Where the function lives, as ``"package.module:function"``; imported at first use.
    label : str
        The name to show to people, such as ``"Total variation (ADMM)"``.
    summary : str
        One sentence for the methods text, in the past tense and without a subject's name.
    citations : tuple of str
        Keys into ``qsmbids.reports.citations``.
    preset : mapping
        Options of the function whose defaults are others in this method.
    volumes : int
        Peak memory in volumes of float32, where it is more than the stage's methods usually take.
    planning : mapping
        Options, with their defaults, of what decides on the function's input, not its own.
    """

    target: str
    label: str
    summary: str
    citations: tuple[str, ...] = ()
    preset: Mapping[str, Any] = field(default_factory=dict, hash=False)
    volumes: int = 0
    planning: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def load(self) -> Callable[..., Any]:
        """Import and return the function, with the method's own defaults."""
        module, name = self.target.split(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return partial(function, **self.preset) if self.preset else function

    def takes(self, name: str) -> bool:
        """Tell whether the function has a parameter ``name``."""
        return name in inspect.signature(self.load()).parameters

    def defaults(self) -> dict[str, Any]:
        """Return the method's own options with their default values.

        They are the keyword-only parameters that have a default and are not part of the
        stage's common signature, and those of ``planning``.
        """
        parameters = inspect.signature(self.load()).parameters.values()
        own = {
            p.name: p.default
            for p in parameters
            if p.kind is p.KEYWORD_ONLY and p.default is not p.empty and p.name not in COMMON
        }
        return {**self.planning, **own}

    def resolve(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the method's options with ``options`` put over the defaults.

        Raises
        ------
        UsageError
            If an option is not one of the method's.
        """
        defaults = self.defaults()
        unknown = sorted(set(options) - set(defaults))
        if unknown:
            known = ", ".join(defaults) or "none"
            raise UsageError(f"{self.label} has no option {unknown[0]!r}; it has: {known}.")
        return {**defaults, **options}


class Registry(dict[str, Method]):
    """The methods of one stage by name; an unknown name is a usage error that lists them."""

    def __init__(self, stage: str, methods: Mapping[str, Method]):
        super().__init__(methods)
        self.stage = stage

    def __missing__(self, name: str) -> Method:
        raise UsageError(f"{name!r} is no {self.stage} method; choose from: {', '.join(self)}.")

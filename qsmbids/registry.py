"""Finding the methods of a stage by name, without importing any of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from functools import partial, wraps
from importlib import import_module
from typing import Any

from qsmbids.errors import UsageError


@dataclass(frozen=True)
class Method:
    """One method of a stage.

    Its options are the keyword-only parameters of its function that have a default. Options that
    several methods share stand in a dataclass: a parameter whose default is one stands for its
    fields.

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
    paper : mapping
        Options that make the method what its paper describes, where that is another one.
    volumes : int
        Peak memory in volumes of float32, where it is more than the stage's methods usually take.
    planning : mapping
        Options, with their defaults, of what decides on the function's input, not its own.
    uses : tuple of str
        What not every method of the stage makes use of: ``"magnitude"``, ``"device"``.
    """

    target: str
    label: str
    summary: str
    citations: tuple[str, ...] = ()
    preset: Mapping[str, Any] = field(default_factory=dict, hash=False)
    paper: Mapping[str, Any] = field(default_factory=dict, hash=False)
    volumes: int = 0
    planning: Mapping[str, Any] = field(default_factory=dict, hash=False)
    uses: tuple[str, ...] = ()

    def _function(self) -> Callable[..., Any]:
        module, name = self.target.split(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function

    def load(self) -> Callable[..., Any]:
        """Import and return the function, which takes all options by name, with own defaults."""
        function = self._function()
        groups = {n: d for n, d in _defaults(function).items() if is_dataclass(d)}
        if groups:
            function = _flat(function, groups)
        return partial(function, **self.preset) if self.preset else function

    def takes(self, name: str) -> bool:
        """Tell whether the method has an option ``name``, or uses what is called so."""
        return name in self.uses or name in self.defaults()

    def defaults(self) -> dict[str, Any]:
        """Return the method's options with their default values."""
        own = dict(self.planning)
        for name, default in _defaults(self._function()).items():
            own |= vars(default) if is_dataclass(default) else {name: default}
        return {**own, **self.preset}

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


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the keyword-only parameters that have a default, with it."""
    parameters = inspect.signature(function).parameters.values()
    return {
        p.name: p.default
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    }


def _flat(function: Callable[..., Any], groups: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function with the fields of its dataclasses as parameters of its own."""

    @wraps(function)
    def flat(*args: Any, **options: Any) -> Any:
        for name, group in groups.items():
            own = {key: options.pop(key) for key in vars(group) if key in options}
            if own:
                options[name] = replace(group, **own)
        return function(*args, **options)

    return flat


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``: numerics are imported at first use.

    The command line reads the registries for its choices; it need not pay for SciPy.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        The module of each name, or of several names with spaces between them.
    """
    places = {name: module for names, module in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    return load


class Registry(dict[str, Method]):
    """The methods of one stage by name; an unknown name is a usage error that lists them."""

    def __init__(self, stage: str, methods: Mapping[str, Method]):
        super().__init__(methods)
        self.stage = stage

    def __missing__(self, name: str) -> Method:
        raise UsageError(f"{name!r} is no {self.stage} method; choose from: {', '.join(self)}.")

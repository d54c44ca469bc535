"""Finding the methods of a stage by name, without importing any of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from functools import partial, wraps
from importlib import import_module
from typing import Any

from qsmbids.errors import UsageError, meant


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

    def documents(self) -> list[str]:
        """Return the docstrings that say what the options mean."""
        function = self._function()
        groups = [d for d in _defaults(function).values() if is_dataclass(d)]
        return [inspect.getdoc(one) or "" for one in (function, *map(type, groups))]

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
            hint = meant(unknown[0], defaults)
            raise UsageError(f"{self.label} has no option {unknown[0]!r}; it has: {known}.{hint}")
        return {**defaults, **options}

    def check(self, options: Mapping[str, Any]) -> None:
        """Refuse values of the method's options that its function refuses, before it has data.

        A function looks at its options before it looks at anything else, so that it can be called
        without data to see whether it takes them.

        Raises
        ------
        UsageError
            If an option is not one of the method's, or its value is none that it takes.
        """
        chosen = {name: self.resolve(options)[name] for name in options}
        own = {name: value for name, value in chosen.items() if name not in self.planning}
        positional, named = _without_data(self._function())
        try:
            self.load()(*positional, **named, **own)
        except _DataWantedError:
            return
        except ValueError as error:
            raise UsageError(f"{self.label}: {error}.") from error


class _DataWantedError(Exception):
    """A function that was called without data has come to look at them."""


class _NoData:
    """Stands for data that are not there yet: whoever looks at it gets an exception."""

    def _look(self, *_: Any, **__: Any) -> Any:
        raise _DataWantedError

    __getattr__ = __getitem__ = __iter__ = __len__ = __bool__ = __float__ = __array__ = _look
    __lt__ = __gt__ = __le__ = __ge__ = __mul__ = __rmul__ = __truediv__ = _look


def _without_data(function: Callable[..., Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return stand-ins for what a function demands."""
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    named = [p.name for p in needed if p.kind is p.KEYWORD_ONLY]
    places = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in needed)
    return [_NoData() for _ in range(places)], {name: _NoData() for name in named}


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


class Registry(dict[str, Method]):
    """The methods of one stage by name; an unknown name is a usage error that lists them."""

    def __init__(self, stage: str, methods: Mapping[str, Method]):
        super().__init__(methods)
        self.stage = stage

    def __missing__(self, name: str) -> Method:
        known = ", ".join(self)
        raise UsageError(
            f"{name!r} is no {self.stage} method; choose from: {known}.{meant(name, self)}"
        )

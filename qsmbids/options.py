"""Options by name and value, as a command line spells them: of dataclasses and of methods."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from qsmbids.errors import UsageError, meant

Thing = TypeVar("Thing")
_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a name",
    NoneType: "none",
    Any: "a value",
}


def with_options(
    thing: Thing,
    options: Mapping[str, Any] | Iterable[str],
    old_names: Mapping[str, str] | None = None,
) -> Thing:
    """Return a frozen dataclass with some of its fields changed.

    Parameters
    ----------
    thing : dataclass
        What to change; its annotations say what a field takes.
    options : mapping or iterable of str
        Values by name, or ``name=value`` as text: ``tv=0.1``, ``perturbation=none``,
        ``patches=64:0.8,96:0.2``, ``scale=0.5,2``. A dotted name reaches into a field that
        has fields or keys of its own: ``corruption.noise=0``.
    old_names : mapping of str to str, optional
        Names that fields had before, and those that they have now.

    Raises
    ------
    UsageError
        If there is no such field, or the value is none that it takes.
    """
    given = options.items() if isinstance(options, Mapping) else map(_split, options)
    hints, changes = get_type_hints(type(thing)), dict[str, Any]()
    known = [field.name for field in fields(thing) if field.name != "name"]  # type: ignore[arg-type]
    for name, value in given:
        head, _, rest = name.partition(".")
        head = (old_names or {}).get(head, head)
        if head not in known:
            there = ", ".join(known)
            raise UsageError(
                f"There is no option {name!r}; choose from: {there}.{meant(name, known)}"
            )
        present = changes.get(head, getattr(thing, head))
        try:
            changes[head] = _changed(present, hints[head], rest, value)
        except ValueError as error:
            raise UsageError(f"The option {name}={value}: {error}.") from error
    try:
        return replace(thing, **changes)  # type: ignore[type-var]
    except ValueError as error:
        raise UsageError(f"The options do not fit: {error}.") from error


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"The option {text!r} is not of the form name=value.")
    return name.strip(), value.strip()


def _changed(present: Any, hint: Any, rest: str, value: Any) -> Any:
    """Return the value of a field, or the field with its part ``rest`` changed."""
    parts = {rest: value} if rest else value
    if is_dataclass(present):
        if not isinstance(parts, Mapping):
            inner = ", ".join(field.name for field in fields(present))
            raise ValueError(f"set one of its parts, with a dot before it: {inner}")
        return with_options(present, parts)
    if get_args(hint) == (str, Any) and isinstance(parts, Mapping):
        return {**present, **{key: convert(part, Any) for key, part in parts.items()}}
    if rest:
        raise ValueError("it has no parts")
    return convert(value, hint)


def convert(value: Any, hint: Any) -> Any:
    """Return ``value``, or what its text means, as the type of an annotation.

    Raises
    ------
    ValueError
        If it is no such value.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if value is None or value == "none":
            return None
        return convert(value, next(a for a in arguments if a is not NoneType))
    try:
        if origin is tuple:
            return _tuple(value, arguments)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return _mapping(value, arguments)
        return _scalar(value, hint)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{describe(hint)} is needed") from error


def as_text(value: object) -> str:
    """Return a value as the command line takes it.

    >>> as_text(True), as_text(0.5)
    ('true', '0.5')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe(hint: Any) -> str:
    """Return what an annotation takes, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        count = "names" if Ellipsis in arguments else f"{len(arguments)} numbers"
        return f"{count} with commas between"
    if origin is not None:
        return f"a list of {describe(arguments[0])}:{describe(arguments[1])} with commas between"
    return _WORDS.get(hint, str(hint))


def _tuple(value: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    parts = _parts(value) if isinstance(value, str) else list(value)
    kinds = [arguments[0]] * len(parts) if Ellipsis in arguments else list(arguments)
    return tuple(_scalar(part, kind) for part, kind in zip(parts, kinds, strict=True))


def _mapping(value: Any, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if isinstance(value, str):
        pairs = [part.partition(":") for part in _parts(value)]
        value = {key.strip(): text.strip() for key, _, text in pairs}
    return {_scalar(k, arguments[0]): _scalar(v, arguments[1]) for k, v in dict(value).items()}


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text not in ("", "none") else []


def _scalar(value: Any, kind: Any) -> Any:
    if kind is Any:
        return _guess(value) if isinstance(value, str) else value
    if kind is bool and isinstance(value, str):
        value = _guess(value)
    if kind is float and isinstance(value, str | int) and not isinstance(value, bool):
        value = float(value)
        if not math.isfinite(value):
            raise ValueError
    if kind is int and isinstance(value, str):
        return int(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise ValueError


def _guess(text: str) -> Any:
    """Return the number or truth value that a text is, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)

"""Reading single values of the command line and the files it names."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qsmbids.errors import UsageError, meant
from qsmbids.files import load_json
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.options import convert
from qsmbids.registry import Method

_MOST_MEMORY = 1e6  # GB
_GIGABYTES = {"K": 1e-6, "M": 1e-3, "G": 1.0, "T": 1e3}


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def memory(text: str) -> float:
    """Read an amount of memory with its unit and return it in GB.

    >>> memory("8GB"), memory("16000 M")
    (8.0, 16.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT])i?B?\s*", text, re.IGNORECASE)
    if not found or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} needs a number and a unit, such as 8GB")
    return float(found[1]) * _GIGABYTES[found[2].upper()]


def labels(given: Sequence[str], prefix: str) -> tuple[str, ...]:
    """Return labels without their prefix, each once, in the order given."""
    return tuple(dict.fromkeys(label.removeprefix(prefix) for label in given))


def derivatives(given: Sequence[str], flag: str = "--derivatives") -> dict[str, Path]:
    """Read ``NAME=PATH`` or ``PATH``, whose folder's name then is the name."""
    found: dict[str, Path] = {}
    for text in given:
        name, _, path = text.rpartition("=")
        folder = Path(path).resolve()
        if not folder.is_dir():
            raise UsageError(f"{flag} {text}: {folder} is not a folder.")
        name = name or folder.name
        if found.setdefault(name, folder) != folder:
            raise UsageError(f"{flag}: two folders are named {name}; write NAME=PATH for one.")
    return found


def templates(given: Sequence[str]) -> dict[str, Path]:
    """Read ``LABEL=PATH`` or ``PATH``, which is of whoever is processed."""
    found: dict[str, Path] = {}
    for text in given:
        label, _, name = text.rpartition("=")
        label, path = label.removeprefix("sub-"), Path(name).resolve()
        if not path.exists():
            raise UsageError(f"--dicom-template {text}: {path} does not exist.")
        if label in found:
            raise UsageError(f"--dicom-template: {label or 'PATH without a label'} is given twice.")
        found[label] = path
    return found


def method_options(
    given: Sequence[str], methods: Mapping[str, Method], start: Mapping[str, Mapping[str, Any]] = {}
) -> dict[str, Any]:
    """Read ``METHOD.NAME=VALUE``, each value with the type of the option's default.

    What stands in ``start``, such as `as_published`, holds where nothing else is given.
    """
    found = {name: dict(options) for name, options in start.items()}
    for text in given:
        left, equals, value = text.partition("=")
        name, dot, option = left.partition(".")
        if not (equals and dot and option):
            raise UsageError(
                f"--option {text}: write METHOD.NAME=VALUE, such as tkd.threshold=0.2."
            )
        if name not in methods:
            known = ", ".join(methods)
            hint = meant(name, methods)
            raise UsageError(f"--option {text}: choose the method from: {known}.{hint}")
        methods[name].resolve({option: value})  # refuses an option that the method has not
        try:
            default = methods[name].defaults()[option]
            read = convert(value, Any if default is None else type(default))
        except ValueError as error:
            raise UsageError(f"--option {text}: {error}.") from error
        found.setdefault(name, {})[option] = read
    for name, options in found.items():
        methods[name].check(options)  # what the function would refuse, before it has data
    return found


def as_published(preset: str, asked: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the options of the methods asked for by which they are their papers'."""
    if preset != "paper":
        return {}
    found = {name: INVERSION[name].paper for name in asked if INVERSION[name].paper}
    if not found:
        able = ", ".join(name for name, method in INVERSION.items() if method.paper)
        raise UsageError(f"--preset paper is for: {able}; ask for one of them by --method.")
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {_reason(error)}.") from error


def as_arguments(value: Any) -> list[str]:
    """Write a TOML value as arguments: a list one by one, a table as ``KEY=VALUE``."""
    if isinstance(value, Mapping):
        return [f"{key}={item}" for key, item in value.items()]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def read_filters(path: Path) -> dict[str, Any]:
    """Return the PyBIDS filters of a JSON file."""
    try:
        content = load_json(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {_reason(error)}.") from error
    known = {"series", "field", "mask"}
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise UsageError(f"{path} must hold an object of objects, one for each of: {known}.")
    unknown = sorted(set(content) - known)
    if unknown:
        raise UsageError(f"{path}: {unknown[0]!r} is none of: {', '.join(sorted(known))}.")
    return content


def read_plugin(path: Path) -> dict[str, Any]:
    """Return the Nipype plugin that a YAML file names, and its arguments."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as YAML: {_reason(error)}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("plugin"), str):
        raise UsageError(f"{path} must name a Nipype plugin, such as 'plugin: SLURM'.")
    arguments = content.get("plugin_args") or {}
    if not isinstance(arguments, dict):
        raise UsageError(f"{path}: plugin_args must be a mapping.")
    return {"plugin": content["plugin"], "plugin_args": arguments}


def multiproc(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the arguments of Nipype's MultiProc plugin stand for."""
    found: dict[str, Any] = {}
    if "n_procs" in arguments:
        found["nprocs"] = count = arguments["n_procs"]
        if type(count) is not int or count < 1:
            raise UsageError(
                f"--use-plugin: n_procs is {count!r}; write a whole number of at least 1."
            )
    if "memory_gb" in arguments:
        size = arguments["memory_gb"]
        if type(size) not in (int, float) or not 0 < size < _MOST_MEMORY:
            raise UsageError(f"--use-plugin: memory_gb is {size!r}; write the gigabytes to use.")
        found["mem_gb"] = float(size)
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError):
        return os.strerror(error.errno or 0).lower()
    return " ".join(str(error).split()).rstrip(".")

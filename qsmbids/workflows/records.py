"""Records of what is done, so that a second run computes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from qsmbids import __version__
from qsmbids.bids import Series, write_json, write_text
from qsmbids.bids.results import RUN
from qsmbids.files import load_json
from qsmbids.provenance import environment, this_run
from qsmbids.settings import Settings
from qsmbids.workflows.beside import template_of
from qsmbids.workflows.plan import outputs
from qsmbids.workflows.signatures import Signature, from_json, sign, status_of, to_json


def log_dir(settings: Settings, participant: str) -> Path:
    """Return the folder of a participant's records, crash files and methods text."""
    return settings.output_dir / "logs" / f"sub-{participant}"


def is_done(series: Series, settings: Settings) -> bool:
    """Tell whether all images of a series stand there, made from these inputs in this way.

    An input is read only where its size, times or inode are not those of the record.
    """
    try:
        record = _read(series, settings)
        made = {path: tuple(signature) for path, signature in record["Outputs"].items()}
        wanted = [_name(path, settings) for path in outputs(series, settings)]
        return (
            record["Fingerprint"] == fingerprint(series, settings)
            and sorted(made) == sorted(wanted)
            and all(
                _signature(settings.output_dir / path) == signature
                for path, signature in made.items()
            )
            and all(from_json(record["Inputs"][str(path)]).holds(path) for path in series.images)
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def write(
    series: Series, settings: Settings, inputs: Mapping[Path, Signature] | None = None
) -> None:
    """Record that a series is done, and forget that it ever failed.

    Parameters
    ----------
    series : Series
        What is done.
    settings : Settings
        How it was done.
    inputs : mapping of Path to Signature, optional
        Of what was read; by default of the files as they are now.
    """
    signed = sign(series.images) if inputs is None else inputs
    content = {
        "Fingerprint": fingerprint(series, settings),
        "Inputs": {str(path): to_json(one) for path, one in signed.items()},
        "Outputs": {_name(path, settings): _signature(path) for path in outputs(series, settings)},
    }
    write_json(_path(series, settings), content)
    forget_failure(series, settings)


def renew(series: Series, settings: Settings) -> None:
    """Note the new status of inputs that still hold the same, lest each run reads them again."""
    with suppress(OSError):
        record = _read(series, settings)
        old = {path: from_json(record["Inputs"][str(path)]) for path in series.images}
        moved = [path for path in series.images if status_of(path) != old[path].status]
        for path, signature in sign(moved).items():
            if signature.digest == old[path].digest:
                record["Inputs"][str(path)] = to_json(signature)
        if moved:
            write_json(_path(series, settings), record)


def warnings_of(series: Series, settings: Settings) -> list[str]:
    """Return what the sidecars of a series warn of, each once."""
    found: dict[str, None] = {}
    for path in outputs(series, settings):
        stem = path.name.removesuffix(".nii.gz").removesuffix(".tsv")
        sidecar = path.with_name(f"{stem}.json")
        try:
            told = load_json(sidecar)["Qsmbids"]["Warnings"]
            found |= dict.fromkeys(str(text) for text in told)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no sidecar of ours: it warns of nothing
    return list(found)


def lights_of(series: Series, settings: Settings) -> dict[str, list[str]]:
    """Return what is wrong with each map of a series, the likely cause first."""
    path = log_dir(settings, series.participant) / f"{series.key}_lights.json"
    try:
        told = load_json(path)
        shared = [str(light["Text"]) for light in told["Series"] if not light["Good"]]
        return {
            desc: [*shared, *(str(light["Text"]) for light in lights if not light["Good"])]
            for desc, lights in told["Maps"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def fingerprint(series: Series, settings: Settings) -> str:
    """Return a digest of all that decides the maps but the content of images."""
    asked = settings.combining() if series.orientations else settings.processing()
    joined = str(template_of(series, settings))
    everything = [__version__, asked, repr(series), list(map(str, series.images)), joined]
    text = json.dumps(everything, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def write_failure(
    settings: Settings, participant: str, key: str, *, stage: str, message: str, text: str = ""
) -> None:
    """Write a crash file and the sentence that the participant's page shows."""
    folder = log_dir(settings, participant)
    content: dict[str, Any] = {"series": key, "stage": stage, "message": message}
    if text:
        crash = folder / f"{key}_crash.txt"
        head = f"series: {key}\nstage: {stage}\nversion: {__version__}\n\n"
        write_text(crash, head + text)
        content["crashfile"] = _name(crash, settings)
    write_json(folder / f"{key}_error.json", content)


def note_run(settings: Settings, participants: Iterable[str], log: Path) -> None:
    """Note by what the results of participants are about to be made, for their pages."""
    told = {**this_run(), "Log": _name(log, settings), "Packages": environment()}
    for participant in participants:
        write_json(log_dir(settings, participant) / RUN, told)


def forget_failure(series: Series, settings: Settings) -> bool:
    """Remove the crash file and the sentence of an earlier run; tell whether there were any."""
    folder = log_dir(settings, series.participant)
    old = [folder / f"{series.key}_{end}" for end in ("error.json", "crash.txt")]
    there = [path for path in old if path.is_file()]
    for path in there:
        path.unlink(missing_ok=True)
    return bool(there)


def _read(series: Series, settings: Settings) -> Any:
    path = _path(series, settings)
    return load_json(path) if path.is_file() else None


def _path(series: Series, settings: Settings) -> Path:
    return log_dir(settings, series.participant) / f"{series.key}_done.json"


def _name(path: Path, settings: Settings) -> str:
    return Path(os.path.relpath(path, settings.output_dir)).as_posix()


def _signature(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns

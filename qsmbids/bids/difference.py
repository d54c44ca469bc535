"""Phase differences: one image of the phase that grows between two echoes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qsmbids.bids.groups import Group
from qsmbids.bids.layout import Dataset
from qsmbids.bids.values import difference_times, echo_times
from qsmbids.errors import InputError

_SAME_TIME = 1e-5  # s: exporters round


def find(dataset: Dataset, group: Group, *, chosen: bool = False) -> tuple[float, float] | None:
    """Return the times in s of the two echoes if a group's phase is their difference, else None.

    Parameters
    ----------
    dataset : Dataset
        Where the files lie.
    group : Group
        The files.
    chosen : bool
        The user has chosen echoes, so that one that is alone is one of several.

    Raises
    ------
    InputError
        If it cannot be told whether it is one, or its echo times are missing.

    Notes
    -----
    A phase image that is alone is a difference where its suffix or sequence says so, or its
    sidecar states ``EchoTime1`` and ``EchoTime2``. For Siemens, dcm2niix states these of each
    phase image whose protocol holds two times, so there they prove nothing by themselves: a
    sequence of one readout, or the first echo's own time, tells that it is no difference.
    """
    pair = group.pair()
    images = group.parts.get(pair[1] if pair else "phase", {})
    if len(images) != 1 or group.suffix == "phase":  # phase1 or phase2 alone
        return None
    (image,) = images.values()
    name, metadata = dataset.relative(image), dataset.metadata(image)
    times = difference_times(metadata, name)
    named = group.suffix == "phasediff"
    sequence = _sequence(metadata)
    mapping = "field_map" in sequence or sequence.startswith("fm2d")
    if times is None:
        if named or mapping:
            raise InputError(
                f"{name} is a phase difference{'' if named else ' (by its sequence)'} but its "
                "sidecar does not state both EchoTime1 and EchoTime2; add them in seconds."
            )
        return None
    if named or mapping:
        return times
    if pair == ("real", "imag"):
        raise InputError(
            f"{name} states EchoTime1 and EchoTime2, as a phase difference does; write "
            "magnitude and phase instead, or remove the two if it is of one echo."
        )
    if sequence and str(metadata.get("Manufacturer", "")).lower().startswith("siemens"):
        if chosen or _reads_once(metadata) or _states(metadata, times[0]):
            return None
        raise InputError(
            f"{name} states EchoTime1 and EchoTime2, but its sequence ({sequence}) is no field "
            "mapping; remove the two if it is the phase of the one echo at EchoTime, or name it "
            "fmap/*_phasediff if it is the difference of two."
        )
    return times


def magnitudes(
    dataset: Dataset, paths: tuple[Path, ...], times: tuple[float, float]
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Choose the magnitudes that belong to a phase difference, and say what is to be said.

    Parameters
    ----------
    dataset : Dataset
        Where the files lie.
    paths : tuple of Path
        The magnitudes in the order of their echoes' numbers, one or more.
    times : tuple of float
        Of the two echoes, in s.

    Returns
    -------
    paths : tuple of Path
        That of each echo, or one for both.
    warnings : tuple of str
    """
    if len(paths) == 2 and all(
        _is_at(dataset, path, time) for path, time in zip(paths, times, strict=True)
    ):
        return paths, ()
    doubt = (
        f"{dataset.relative(paths[0])} stands for both echoes of the phase difference: the "
        "magnitudes' echo times are not its EchoTime1 and EchoTime2."
    )
    return paths[:1], (doubt,) if len(paths) > 1 else ()


def _is_at(dataset: Dataset, path: Path, time: float) -> bool:
    """Tell whether an image states this echo time, or none."""
    metadata = dataset.metadata(path)
    if "EchoTime" not in metadata:
        return True
    stated = echo_times(dataset, [(path,)], {path: metadata})
    return len(stated) == 1 and abs(stated[0] - time) <= _SAME_TIME


def _reads_once(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a sequence of Siemens reads one echo, as ``*swi3d1r`` does."""
    readouts = re.search(r"[23]d(\d+)", str(metadata.get("SequenceName", "")))
    return readouts is not None and readouts[1] == "1"


def _states(metadata: Mapping[str, Any], time: float) -> bool:
    stated = metadata.get("EchoTime")
    return isinstance(stated, int | float) and abs(stated - time) <= _SAME_TIME


def _sequence(metadata: Mapping[str, Any]) -> str:
    """Return the name of the pulse sequence in lower case, empty if none is stated."""
    details = str(metadata.get("PulseSequenceDetails", "")).rpartition("\\")[2]
    return (details or str(metadata.get("SequenceName", "")).lstrip("*")).lower()

"""One map without BIDS: what it is made from, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsmbids.bids import write_json
from qsmbids.bids.sidecar import KINDS, write_curves
from qsmbids.interfaces.images import write_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class MapJob:
    """What to make a map from, how, and where it goes.

    Attributes
    ----------
    source, mask : Path
        The local field, or the phase of all echoes; where it is valid.
    out : Path
        The map to write, ``.nii.gz``.
    method : str
        Of inversion.
    options : mapping of str to mapping
        Of the methods, by name.
    device, threads
        Where networks compute; of FFTs.
    """

    source: Path
    mask: Path
    out: Path
    method: str
    options: Mapping[str, Mapping[str, Any]]
    device: str = "auto"
    threads: int = 1


@dataclass(frozen=True)
class Made:
    """A map, as it is to be stored, and how it came to be."""

    chi: NDArray[np.float32]
    uncertainty: NDArray[np.float32] | None
    affine: Any
    curves: Mapping[str, Sequence[float]]
    told: Mapping[str, Any]
    sources: Sequence[Path]


def write_map(out: Path, made: Made) -> None:
    """Write map, uncertainty and course of the fit, as there are; beside images their origin."""
    stem = out.name.removesuffix(".nii.gz")
    for name, image, kind in (
        (stem, made.chi, "Chimap"),
        (f"{stem}_uncertainty", made.uncertainty, "Uncertainty_Chimap"),
    ):
        if image is not None:
            write_image(out.with_name(f"{name}.nii.gz"), image, made.affine)
            sources = [str(path) for path in made.sources]
            content = {**KINDS[kind], "Sources": sources, "Qsmbids": dict(made.told)}
            write_json(out.with_name(f"{name}.json"), content)
    if made.curves:
        write_curves(out.with_name(f"{stem}_curve.tsv"), made.curves)

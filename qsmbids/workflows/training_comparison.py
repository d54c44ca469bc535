"""Held-out participants: the trained weights beside shipped ones and classical methods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import set_workers

from qsmbids.array_types import Float
from qsmbids.bids import write_text
from qsmbids.evaluation import METRICS, evaluate
from qsmbids.inversion import reconstruct
from qsmbids.physics.problem import demean
from qsmbids.reports.checks.maps import ForwardModel
from qsmbids.reports.training import HeldOut
from qsmbids.reports.training_figures import field_and_maps
from qsmbids.training.data.subject import Subject
from qsmbids.training.data.subjects import Subjects
from qsmbids.workflows.training_job import TrainingJob
from qsmbids.workflows.training_verdict import TRAINED

CLASSICAL = ("tv", "tkd")
PICTURED = 4


def compared_weights(weights: Path, recipe: str) -> dict[str, str]:
    """Return the networks to compare, by the name they have in the table.

    Parameters
    ----------
    weights : Path
        Those just trained.
    recipe : str
        Weights that the package ships under that name come along, unless they are the same.
    """
    from qsmbids.networks.weights_file import bundled, digest

    found = {TRAINED: str(weights)}
    shipped = bundled().get(recipe)
    if shipped is not None and digest(shipped) != digest(weights):
        found[f"{recipe} (shipped)"] = recipe
    return found


def make_maps(
    subject: Subject, method: str, networks: Mapping[str, str], device: str
) -> Iterator[tuple[str, Float]]:
    """Yield each method's name and its map of a subject in ppm.

    Parameters
    ----------
    subject : Subject
        Field, mask, weight and geometry.
    method : str
        The inversion that uses the networks' weights.
    networks : mapping of str to str
        See `compared_weights`.
    device : str
        Where the networks compute.
    """
    known: dict[str, Any] = {
        "voxel_size": subject.voxel_size,
        "b0_dir": subject.b0_dir,
        "weight": subject.weight,
        "device": device,
    }
    field, mask = subject.field, subject.mask
    for name, weights in networks.items():
        yield name, reconstruct(field, mask, method=method, weights=weights, **known).chi
    for name in CLASSICAL:
        yield name, reconstruct(field, mask, method=name, **known).chi


def judge(chi: Float, subject: Subject) -> dict[str, float]:
    """Return how well a map makes its field and how rough it is, and where the truth is known
    how far it is from it.

    Returns
    -------
    dict
        ``field_residual`` in % of the field's norm; ``total_variation``, the mean length of the
        gradient in the mask in ppb/mm; then the measures of ``METRICS`` that are defined.
    """
    model = ForwardModel(subject.field, subject.mask, subject.voxel_size, subject.b0_dir)
    values = {
        "field_residual": model.residual(chi),
        "total_variation": total_variation(chi, subject.mask, subject.voxel_size),
    }
    if subject.chi is not None:
        found = evaluate(chi, subject.chi, subject.mask)
        values |= {name: value for name, value in found.items() if not math.isnan(value)}
    return values


def total_variation(chi: Float, mask: NDArray[np.bool_], voxel_size: Sequence[float]) -> float:
    """Return the mean length of the gradient in ppb/mm over voxels whose neighbours are inside."""
    inner, squares = mask.copy(), np.zeros(chi.shape, np.float64)
    for axis, edge in enumerate(voxel_size):
        step = np.diff(chi, axis=axis, append=np.take(chi, [-1], axis)) / edge
        squares += step.astype(np.float64) ** 2
        beyond = np.zeros_like(np.take(mask, [-1], axis))
        after = np.concatenate([np.delete(mask, 0, axis), beyond], axis)
        inner &= after
    return float(1000 * np.sqrt(squares[inner]).mean()) if inner.any() else 0.0


def write_table(path: Path, rows: Sequence[tuple[str, str, Mapping[str, float]]]) -> None:
    """Write a TSV file with a row for each subject and method."""
    columns = [
        name
        for name in ("field_residual", "total_variation", *METRICS)
        if any(name in values for _, _, values in rows)
    ]
    lines = ["\t".join(("participant_id", "series", "method", *columns))]
    for series, method, values in rows:
        cells = (f"{values[name]:.6g}" if name in values else "n/a" for name in columns)
        lines.append("\t".join((series.split("_")[0], series, method, *cells)))
    write_text(path, "\n".join(lines) + "\n")


def compare(
    folder: Path, names: Sequence[str], method: str, recipe: str, job: TrainingJob
) -> list[HeldOut]:
    """Apply all methods to held-out subjects and write ``comparison.tsv``.

    Parameters
    ----------
    folder : Path
        The training's, with ``weights.safetensors`` and ``subjects``.
    names : sequence of str
        The held-out subjects.
    method : str
        The inversion that uses the weights.
    recipe : str
        Shipped weights of that name are compared too.
    job : TrainingJob
        On what to compute.

    Returns
    -------
    list of HeldOut
        The numbers of all; pictures of the first few, for a page must stay small.
    """
    subjects = Subjects(folder / "subjects")
    networks = compared_weights(folder / "weights.safetensors", recipe)
    found, rows = [], []
    for number, name in enumerate(names):
        subject, one, maps = subjects.load(name), HeldOut(name), {}
        with set_workers(job.threads):
            for label, chi in make_maps(subject, method, networks, job.device):
                one.numbers[label] = judge(chi, subject)
                rows.append((name, label, one.numbers[label]))
                maps[label] = chi
        if number < PICTURED:
            if subject.chi is not None:
                maps["reference"] = demean(subject.chi, subject.mask)
            one.pictures = field_and_maps(subject.field, subject.mask, subject.voxel_size, maps)
        found.append(one)
    write_table(folder / "comparison.tsv", rows)
    return found

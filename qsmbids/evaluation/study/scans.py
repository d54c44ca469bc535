"""Which maps are to be measured against which reference; nothing is read but names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from qsmbids.bids.names import desc_label
from qsmbids.bids.participants import participants_of
from qsmbids.errors import InputError, UsageError
from qsmbids.evaluation.study.job import EvaluationJob
from qsmbids.evaluation.study.maps import Map, Scan, scans_of
from qsmbids.evaluation.study.reference import closest, reference_root, references_of


def find_scans(job: EvaluationJob) -> tuple[list[Scan], Path]:
    """Return every scan with its maps, reference and labels, and the references' folder.

    Raises
    ------
    UsageError
        If a participant or method does not exist, or if it is not clear which references count.
    InputError
        If there are no maps, or no references at all.
    """
    participants = _participants(job)
    root = reference_root(job, participants)
    references = {p: references_of(root, p, job) for p in participants}
    known = {path for paths in references.values() for path in paths}
    scans: dict[str, Scan] = {}
    taken: set[str] = set()
    for name, folder in _folders(job).items():
        found = [*scans_of(folder, participants, known)]
        for scan in found:
            renamed = [_unique(one, taken, name) for one in scan.maps]
            scans.setdefault(scan.key, Scan(scan.key)).maps += renamed
        taken |= {one.method for scan in found for one in scan.maps}
    _demand_methods(scans.values(), job)
    chosen = [_choose(scan, job) for _, scan in sorted(scans.items())]
    if not any(scan.maps for scan in chosen):
        raise InputError(
            f"{job.output_dir} and --maps hold no susceptibility maps (*_Chimap.nii.gz) of the "
            "participants and sessions wanted besides the references."
        )
    for scan in chosen:
        _add_reference(scan, references[scan.participant], root)
        _add_labels(scan, job.regions or root)
    return [scan for scan in chosen if scan.maps], root


def _folders(job: EvaluationJob) -> dict[str, Path]:
    others = {name: path for name, path in job.maps.items() if path != job.output_dir}
    return {"": job.output_dir, **others}


def _participants(job: EvaluationJob) -> list[str]:
    """Return the labels of all participants wanted that have maps or failures."""
    there: set[str] = set()
    for folder in _folders(job).values():
        there.update(participants_of(folder), participants_of(folder / "logs"))
    absent = sorted(set(job.participants) - there)
    if absent:
        raise UsageError(
            f"No folder with maps holds sub-{absent[0]}; there are: "
            f"{', '.join(sorted(there)) or 'none'}."
        )
    if not there:
        raise InputError(
            f"{job.output_dir} holds no participants (folders sub-*); run the participant level "
            "first, or name folders with maps by --maps."
        )
    return sorted(job.participants or there)


def _unique(one: Map, taken: set[str], folder: str) -> Map:
    """Return the map under a name of its own: one that another folder has gets the folder's."""
    return replace(one, method=f"{one.method} ({folder})") if one.method in taken else one


def _choose(scan: Scan, job: EvaluationJob) -> Scan:
    """Return the scan with the maps that are wanted, perhaps none."""
    if job.sessions and scan.entities.get("ses") not in job.sessions:
        return Scan(scan.key)
    return Scan(scan.key, [m for m in scan.maps if not job.methods or _is_named(m, job.methods)])


def _is_named(one: Map, methods: tuple[str, ...]) -> bool:
    bare = re.sub(r" \(.*\)$", "", one.method)
    return any(name in (one.method, bare, desc_label(bare)) for name in methods)


def _demand_methods(scans: Iterable[Scan], job: EvaluationJob) -> None:
    """Raise if a method that was asked for has made no map."""
    maps = {one.method: one for scan in scans for one in scan.maps}
    for name in job.methods:
        if not any(_is_named(one, (name,)) for one in maps.values()):
            raise UsageError(
                f"--method {name}: no map of that method was found; there are: "
                f"{', '.join(maps) or 'none'}."
            )


def _add_reference(scan: Scan, candidates: list[Path], root: Path) -> None:
    """Choose the reference that shares most entities with the scan."""
    best = closest(candidates, scan.entities)
    if len(best) == 1:
        scan.reference = best[0]
    elif best:
        names = ", ".join(path.name for path in best)
        scan.problem = f"{scan.key} has several references: {names}; choose by --reference-desc."
    else:
        others = sorted((root / f"sub-{scan.participant}").rglob("*_Chimap.nii*"))
        there = ", ".join(path.name for path in others) or "no map of that participant"
        scan.problem = f"{scan.key} has no reference in {root}; there is: {there}."


def _add_labels(scan: Scan, root: Path) -> None:
    folder = root / f"sub-{scan.participant}"
    own = closest(sorted(folder.rglob("*_dseg.nii*")), scan.entities)
    scan.labels = own[0] if own else None

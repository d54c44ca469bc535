"""Which map is the reference of a scan, and which label image is its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from qsmbids.bids.derived import DESCS, belongs
from qsmbids.bids.names import entities_of
from qsmbids.errors import InputError, UsageError
from qsmbids.evaluation.study.job import EvaluationJob


def reference_root(job: EvaluationJob, participants: Iterable[str]) -> Path:
    """Return the folder with the references: the one named, else the only one that has some."""
    if job.reference is not None:
        if not any(references_of(job.reference, p, job) for p in participants):
            raise _none_in(job.reference, job)
        return job.reference
    beside = sorted((job.bids_dir / "derivatives").glob("*/"))
    roots = dict.fromkeys(
        path.resolve() for path in (job.bids_dir, *beside, job.output_dir, *job.maps.values())
    )
    found = [root for root in roots if any(references_of(root, p, job) for p in participants)]
    if len(found) > 1:
        raise UsageError(
            f"References lie in {', '.join(map(str, found))}; choose one with --reference."
        )
    if not found:
        raise InputError(
            f"No reference with {_wanted(job)} was found in {job.bids_dir}, its derivatives or "
            f"{job.output_dir}; name the folder of a COSMOS map or a simulated truth "
            "(sub-*/anat/*_Chimap.nii.gz) with --reference."
        )
    return found[0]


def references_of(root: Path, participant: str, job: EvaluationJob) -> list[Path]:
    """Return a participant's maps that are references."""
    found = []
    for path in sorted((root / f"sub-{participant}").rglob("*_Chimap.nii*")):
        desc = entities_of(path).get("desc")
        if job.reference_desc is not None:
            counts = desc == job.reference_desc
        elif desc is None:  # in a folder that is no reference's it may be anybody's map
            counts = root in (job.reference, job.bids_dir) or root.name in DESCS
        else:
            counts = desc in DESCS
        if counts:
            found.append(path.resolve())
    return found


def closest(candidates: Iterable[Path], entities: Mapping[str, str]) -> list[Path]:
    """Return those of a scan's candidates that share most entities with it."""
    own = [path for path in candidates if belongs(path, entities)]
    most = max((len(_shared(path)) for path in own), default=0)
    return [path for path in own if len(_shared(path)) == most]


def _shared(path: Path) -> set[str]:
    return entities_of(path).keys() - {"desc"}


def _none_in(root: Path, job: EvaluationJob) -> InputError:
    """Return the error that says which maps are in a folder without references."""
    descs = {entities_of(path).get("desc") for path in root.glob("sub-*/**/*_Chimap.nii*")}
    there = ", ".join(sorted(str(desc) for desc in descs if desc))
    hint = f"; --reference-desc may be one of: {there}" if there else ""
    return InputError(
        f"{root} holds no map (sub-*/anat/*_Chimap.nii.gz) with {_wanted(job)} of the "
        f"participants wanted{hint}."
    )


def _wanted(job: EvaluationJob) -> str:
    labels = [job.reference_desc] if job.reference_desc else [one for one in DESCS if one]
    return " or ".join(f"desc-{label}" for label in labels)

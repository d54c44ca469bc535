"""Which maps are to be measured against which reference; nothing is read but names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from qsmbids.bids.masks import belongs
from qsmbids.bids.names import desc_label, entities_of
from qsmbids.bids.participants import participants_of
from qsmbids.bids.references import DESCS
from qsmbids.bids.results import Derivative, Failure, Series, find_failures, find_series
from qsmbids.cli.evaluate_parser import EvaluationJob
from qsmbids.errors import InputError, UsageError

_UNNAMED = "chi"  # what a map without desc is called


@dataclass(frozen=True)
class Map:
    """One map to be measured.

    Attributes
    ----------
    method : str
        What the tables call it.
    image : Derivative or None
        The map; None if there is none.
    mask : Path or None
        Where it is known.
    problem : str
        Why there is no map.
    """

    method: str
    image: Derivative | None
    mask: Path | None = None
    problem: str = ""


@dataclass
class Scan:
    """The maps of one series of one participant, its reference and its labels.

    Attributes
    ----------
    key : str
        The entities that the names of the maps share.
    maps : list of Map
        One for each method.
    reference, labels : Path or None
        None if there is none.
    problem : str
        Why there is no reference.
    """

    key: str
    maps: list[Map] = field(default_factory=list)
    reference: Path | None = None
    labels: Path | None = None
    problem: str = ""

    @property
    def entities(self) -> dict[str, str]:
        """The entities of the key."""
        return entities_of(Path(f"{self.key}_Chimap"))

    @property
    def participant(self) -> str:
        """The participant's label."""
        return self.entities.get("sub", "")


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
    root = _reference_root(job, participants)
    references = {p: _references(root, p, job) for p in participants}
    known = {path for paths in references.values() for path in paths}
    scans: dict[str, Scan] = {}
    taken: set[str] = set()
    for name, folder in _folders(job).items():
        found = [*_scans_of(folder, participants, known)]
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


def _reference_root(job: EvaluationJob, participants: Iterable[str]) -> Path:
    """Return the folder with the references: the one named, else the only one that has some."""
    if job.reference is not None:
        if not any(_references(job.reference, p, job) for p in participants):
            raise _none_in(job.reference, job)
        return job.reference
    beside = sorted((job.bids_dir / "derivatives").glob("*/"))
    roots = dict.fromkeys(
        path.resolve() for path in (job.bids_dir, *beside, job.output_dir, *job.maps.values())
    )
    found = [root for root in roots if any(_references(root, p, job) for p in participants)]
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


def _references(root: Path, participant: str, job: EvaluationJob) -> list[Path]:
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


def _scans_of(folder: Path, participants: Iterable[str], references: set[Path]) -> Iterator[Scan]:
    """Yield the scans of one folder, each with every method of the folder."""
    found: dict[str, dict[str, Map]] = {}
    failures: dict[str, Failure] = {}
    for participant in participants:
        for failure in find_failures(folder, participant):
            failures[failure.series] = failure
            found.setdefault(failure.series, {})
        for series in find_series(folder, participant):
            maps = [*_maps_of(series, participant, references)]
            if maps:  # else it is a reference's
                key = re.sub("^sub-[^_]*", f"sub-{participant}", series.key)
                found.setdefault(key, {}).update((one.method, one) for one in maps)
    methods = dict.fromkeys(method for maps in found.values() for method in maps)
    for key, made in found.items():
        reason = _reason(key, failures.get(key))
        yield Scan(key, [made.get(m) or Map(m, None, problem=reason) for m in methods])


def _maps_of(series: Series, participant: str, references: set[Path]) -> Iterator[Map]:
    mask = series.images.get("eroded")
    astray = not f"{series.key}_".startswith(f"sub-{participant}_")
    for desc, image in series.chimaps.items():
        if image.path.resolve() not in references:
            problem = (
                f"{image.path.name} lies in the folder of sub-{participant}; move or rename it."
            )
            yield Map(
                _method(desc, image), image, mask.path if mask else None, problem if astray else ""
            )


def _method(desc: str, image: Derivative) -> str:
    """Return the method that the sidecar names, unless the file has a label of its own."""
    name = str(image.provenance.get("Method") or "")
    return name if name and desc in (_UNNAMED, desc_label(name)) else desc


def _reason(key: str, failure: Failure | None) -> str:
    if failure is None:
        return f"{key} has no map of this method; process it, or see the run's log."
    return failure.message


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
    own = [path for path in candidates if belongs(path, scan.entities)]
    most = max((len(_shared(path)) for path in own), default=0)
    best = [path for path in own if len(_shared(path)) == most]
    if len(best) == 1:
        scan.reference = best[0]
    elif best:
        names = ", ".join(path.name for path in best)
        scan.problem = f"{scan.key} has several references: {names}; choose by --reference-desc."
    else:
        others = sorted((root / f"sub-{scan.participant}").rglob("*_Chimap.nii*"))
        there = ", ".join(path.name for path in others) or "no map of that participant"
        scan.problem = f"{scan.key} has no reference in {root}; there is: {there}."


def _shared(path: Path) -> set[str]:
    return entities_of(path).keys() - {"desc"}


def _add_labels(scan: Scan, root: Path) -> None:
    folder = root / f"sub-{scan.participant}"
    own = [p for p in sorted(folder.rglob("*_dseg.nii*")) if belongs(p, scan.entities)]
    scan.labels = max(own, key=lambda path: len(_shared(path)), default=None)

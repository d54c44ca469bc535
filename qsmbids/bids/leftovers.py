"""What a dataset holds besides that which is processed, and why it is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from qsmbids.bids.fields import STARTS
from qsmbids.bids.groups import FMAP_SUFFIXES, SUFFIXES, Group, group_fieldmaps, group_files
from qsmbids.bids.layout import IMAGES
from qsmbids.bids.names import entities_of, suffix_of
from qsmbids.settings import Settings

ANY_START = ("auto", "nearest")  # from whatever there is
_SHOWN = 3
_MOST_FILES = 20_000  # a folder that is no dataset may be a whole disk
_DICOM = (".dcm", ".ima", ".par", ".rec")
_COIL = re.compile(r"_(c[HB]?\d+|coil-?[A-Za-z]*\d+)(_|$)")
# dcm2niix ends a name with the echo, and the part if it is no magnitude.
_CONVERTED = re.compile(r"_(e\d+|(e\d+_)?(ph|phMag|real|imaginary|fieldmaphz))[a-z]?$")
_PHASE = re.compile(r"phase|(?<![a-z])(ph|pha|imag)(?![a-z])")
_BIDS_NAME = "sub-01/anat/sub-01_echo-1_part-phase_MEGRE.nii.gz"

Found = list[tuple[str, list[Path]]]  # why, and what


def nothing_to_do(
    settings: Settings, participants: Sequence[str], fields: Sequence[Path] = ()
) -> str:
    """Say what was looked for and where, what is there, and why each is left out.

    Parameters
    ----------
    settings : Settings
        What was asked for.
    participants : sequence of str
        The labels of those wanted.
    fields : sequence of Path
        Fields of derivatives, none of which is what to start from.
    """
    root = settings.bids_dir
    if not participants:
        files = _files(root)
        found = _first_reason([path for path in files if _is_image(path)], [])
        found.append(
            (
                "DICOM (qsmbids-dicom writes a dataset of it) or PAR/REC: convert to BIDS first",
                [path for path in files if path.suffix.lower() in _DICOM],
            )
        )
        return (
            f"Nothing to do: {root} has no participants (folders sub-*); name the root of a BIDS "
            f"dataset.{_listed(found, root)}"
        )
    found = [*_left_out(settings, participants), (_not_asked(settings), list(fields))]
    shown = ", ".join(participants[:5]) + " ..." * (len(participants) > 5)
    return (
        f"Nothing to do: looked for {' and for '.join(_looked_for(settings))}, participants "
        f"{shown}{stale(settings)}.{_listed(found, root) or ' There are no images.'}"
    )


def left_out(settings: Settings, participant: str) -> str:
    """Say in one line what a participant has and why it is left out."""
    found = [item for item in _left_out(settings, [participant]) if item[1]]
    return "; ".join(_told(item, settings.bids_dir) for item in found) or "there are no images"


def stale(settings: Settings) -> str:
    """Say that what is missing may only be missing in the database."""
    if settings.database_dir is None:
        return ""
    return f" (if the data are newer than the database in {settings.database_dir}, remove that)"


def _looked_for(settings: Settings) -> Iterator[str]:
    if settings.start in (*ANY_START, "raw"):
        if settings.input != "fmap":
            yield (
                "magnitude and phase (part-mag with part-phase, or part-real with part-imag; "
                f"{', '.join(SUFFIXES)}) in {settings.bids_dir}"
            )
        if settings.input != "anat":
            yield (
                "field maps (fmap/: phasediff, phase1 with phase2, or fieldmap, with magnitudes) "
                f"in {settings.bids_dir}"
            )
    kinds = [name for name, start in STARTS.items() if settings.start in (*ANY_START, start)]
    if kinds and (settings.derivatives or settings.start not in ANY_START):
        places = ", ".join(map(str, settings.derivatives.values())) or "no --derivatives"
        yield f"{' or '.join(f'desc-{kind}_fieldmap' for kind in kinds)} in {places}"


def _left_out(settings: Settings, participants: Iterable[str]) -> Found:
    """Return why the participants' images are left out, the likeliest to be wanted first."""
    folders = (settings.bids_dir / f"sub-{label}" for label in participants)
    images = [path for folder in folders for path in _files(folder) if _is_image(path)]
    return _first_reason(images, _of_other_options(settings, images))


def _first_reason(images: Sequence[Path], first: Iterable[tuple[str, list[Path]]]) -> Found:
    """Give each image the first reason that holds for it."""
    found: dict[str, list[Path]] = {}
    rest = dict.fromkeys(images)
    for reason, own in chain(first, _by_name(images)):
        left = [path for path in own if path in rest]
        found.setdefault(reason, []).extend(left)
        for path in left:
            del rest[path]
    return list(found.items())


def _of_other_options(
    settings: Settings, images: Sequence[Path]
) -> Iterator[tuple[str, list[Path]]]:
    """Yield the images that a run of other options, or with others beside them, would take."""
    plain = [path for path in images if "desc" not in entities_of(path)]
    anat = group_files(path for path in plain if suffix_of(path) in SUFFIXES)
    fmap = group_fieldmaps(path for path in plain if suffix_of(path) in FMAP_SUFFIXES)
    raw = settings.start in (*ANY_START, "raw")
    for groups, name, what in ((anat, "anat", "gradient echoes"), (fmap, "fmap", "field maps")):
        reason = _not_asked(settings)
        if raw and settings.input in (name, "all"):
            reason = f"{what} that {_filters(settings)} leaves out"
        elif raw:
            reason = f"{what}, which --input {name} takes"
        yield reason, _paths(group for group in groups if group.pair())
    yield (
        "magnitude only; susceptibility needs the phase too",
        _paths(g for g in anat if not g.pair() and ("mag" in g.parts or g.suffix != "T1w")),
    )
    yield (
        "magnitude of a field map, without its phase or fieldmap",
        _paths(group for group in fmap if not group.pair()),
    )


def _by_name(images: Sequence[Path]) -> Iterator[tuple[str, list[Path]]]:
    """Yield images that are none of BIDS's gradient echoes, by what their names tell."""
    stems = {path: path.name.split(".")[0] for path in images}
    yield (
        "single receive coils, by their names: combine these first",
        [path for path, stem in stems.items() if _COIL.search(stem)],
    )
    yield (
        "names of a converter (e: echo, ph: phase), not of BIDS: rename those of a gradient echo "
        f"to {_BIDS_NAME} and its magnitude to part-mag",
        [path for path, stem in stems.items() if _CONVERTED.search(stem)],
    )
    yield (
        f"phase of another suffix than {', '.join(SUFFIXES)}: rename it if it is of a gradient "
        "echo",
        [path for path in images if entities_of(path).get("part") in ("phase", "real", "imag")],
    )
    yield (
        f"perhaps phase, but not named as BIDS wants ({_BIDS_NAME})",
        [path for path, stem in stems.items() if _PHASE.search(stem.lower())],
    )
    yield (
        "spin echoes with reversed phase encoding, which hold no phase",
        [path for path in images if suffix_of(path) == "epi"],
    )
    yield "other images, without phase", list(images)


def _not_asked(settings: Settings) -> str:
    return f"not what --start {settings.start} asks for"


def _filters(settings: Settings) -> str:
    options = ("--bids-filter-file", "--session-label", "the database")
    given = (settings.filters, settings.sessions, settings.database_dir)
    used = [name for name, value in zip(options, given, strict=True) if value]
    return " or ".join(used) or "their folder"


def _paths(groups: Iterable[Group]) -> list[Path]:
    return [path for group in groups for path in group.paths()]


def _files(folder: Path) -> list[Path]:
    return sorted(islice((path for path in folder.rglob("*") if path.is_file()), _MOST_FILES))


def _is_image(path: Path) -> bool:
    return path.name.endswith(tuple(IMAGES))


def _listed(found: Found, root: Path) -> str:
    """Return a line for each reason, empty if there is nothing."""
    lines = [f"\n  {_told(item, root)}" for item in found if item[1]]
    return f" There is, and was left out:{''.join(lines)}" if lines else ""


def _told(item: tuple[str, list[Path]], root: Path) -> str:
    reason, paths = item
    names = [
        path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        for path in paths[:_SHOWN]
    ]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{reason}: {', '.join(names)}{more}"

"""Datasets: sidecars, names, filter files, derivatives. A bad participant costs itself alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from bids_tree import add_series, settings_for, write_derivatives, write_description, write_image
from hypothesis import strategies as st

from qsmbids.bids import Inventory
from qsmbids.bids.find import find_series
from qsmbids.bids.names import derivative_path
from qsmbids.cli.values import read_filters
from qsmbids.workflows.plan import outputs
from tests.hostile.surfaces.surface import Surface, check_sentence
from tests.hostile.surfaces.values import json_files, json_values, numbers, objects, texts

_GOOD = "good"


def _check(found: Inventory, root: Path) -> None:
    """Assert that the good participant is there, and that others are fit or have a sentence."""
    settings = settings_for(root)
    assert f"sub-{_GOOD}" in [series.key for series in found.series]
    for item in found.skipped:
        check_sentence(item.reason)
    for series in found.series:
        assert all(0 < time <= 0.5 for time in series.echo_times), series
        assert series.field_strength is None or 0.05 <= series.field_strength <= 25
        assert series.b0_dir is None or all(map(math.isfinite, series.b0_dir))
        for path in outputs(series, settings):
            assert path.resolve().is_relative_to(settings.output_dir)
        assert derivative_path(settings.output_dir, series, "Chimap", desc="../x").name != ".."


class Sidecars(NamedTuple):
    """The sidecars of a participant's two parts; None leaves the good one."""

    magnitude: bytes | None
    phase: bytes | None


_sidecar = json_files(
    objects(
        {
            "EchoTime": st.sampled_from([0.004, 0.008, 4.0, "0.004", [0.004], [0.004, 0.008]]),
            "MagneticFieldStrength": st.sampled_from([3, 7.0, "3", 3e6, 123.2]),
            "ImagingFrequency": st.just(127.7),
            "Units": st.sampled_from(["rad", "arbitrary", "Hz", "deg"]),
            "Manufacturer": st.sampled_from(["SIEMENS", "GE", "Philips"]),
            "B0Direction": st.lists(numbers, max_size=4),
            "EchoTime1": numbers,
            "EchoTime2": numbers,
        }
    )
)
_participants = st.lists(
    st.builds(Sidecars, st.none() | _sidecar, st.none() | _sidecar), min_size=8, max_size=20
)


def _read_sidecars(case: list[Sidecars], box: Path) -> None:
    root = write_description(box / "raw")
    add_series(root, f"sub-{_GOOD}", echoes=1)
    for number, one in enumerate(case):
        for path, content in zip(add_series(root, f"sub-{number}", echoes=1), one, strict=True):
            if content is not None:
                path.with_name(path.name.replace(".nii.gz", ".json")).write_bytes(content)
    _check(find_series(settings_for(root)), root)


_label = st.sampled_from(
    ["1", "01", "a.b", "x+y", "a b", "²", "\u0661", "é", "'", "&", "$(x)", "..", ""]
)
_labels = _label | st.text(max_size=10).filter(lambda text: not {"/", "\x00"} & set(text))
_entity = st.tuples(st.sampled_from(["acq", "run", "echo", "part", "rec", "task", "x"]), _labels)
_suffix = st.sampled_from(["MEGRE", "T2starw", "T1w", "megre", "", "MEGRE.x", "phasediff"])
_ending = st.sampled_from([".nii.gz", ".nii", ".nii.gz.gz", ".NII", ".json"])
_names = st.builds(
    lambda entities, suffix, ending: (
        "_".join([*(f"{name}-{label}" for name, label in entities), suffix]) + ending
    ),
    st.lists(_entity, max_size=4),
    _suffix,
    _ending,
)
_trees = st.lists(st.tuples(_labels, st.lists(_names, max_size=4)), min_size=3, max_size=8)


def _read_names(case: list[tuple[str, list[str]]], box: Path) -> None:
    root = write_description(box / "raw")
    image, *_ = add_series(root, f"sub-{_GOOD}", echoes=1)
    for label, names in case:
        folder = root / f"sub-{label}" / "anat"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                (folder / f"sub-{label}_{name}").write_bytes(image.read_bytes())
        except (OSError, UnicodeEncodeError):  # no file system takes such a name
            continue
    (root / "MEGRE.json").write_text('{"EchoTime": 0.004, "MagneticFieldStrength": 3}')
    _check(find_series(settings_for(root, input="all")), root)


_ENTITIES = ["subject", "session", "run", "echo", "part", "suffix", "desc", "extension", "x"]
_filters = json_files(
    objects(
        {
            part: st.dictionaries(st.sampled_from(_ENTITIES) | texts, json_values, max_size=3)
            for part in ("series", "field", "mask")
        }
    )
)


def _read_filters(case: bytes, box: Path) -> None:
    (box / "filters.json").write_bytes(case)
    filters = read_filters(box / "filters.json")
    root = write_description(box / "raw")
    add_series(root, f"sub-{_GOOD}", echoes=1)
    for item in find_series(settings_for(root, filters=filters)).skipped:
        check_sentence(item.reason)


class Derived(NamedTuple):
    """What another program left for a participant: names of images, and a sidecar for each."""

    names: list[str]
    sidecar: bytes
    shape: tuple[int, ...]


_derived = st.builds(
    Derived,
    st.lists(
        st.sampled_from(
            [
                "desc-brain_mask",
                "mask",
                "desc-x_mask",
                "label-brain_mask",
                "desc-local_fieldmap",
                "desc-total_fieldmap",
                "magnitude",
                "Chimap",
            ]
        )
        | _names.map(lambda name: name.split(".")[0]),
        max_size=3,
        unique=True,
    ),
    json_files(objects({"Units": st.sampled_from(["Hz", "rad/s", "ppm"]), "Sources": texts})),
    st.sampled_from([(6, 7, 5), (6, 7, 4), (6, 7, 5, 2), (6, 7)]),
)


def _read_derivatives(case: list[Derived], box: Path) -> None:
    root, made = write_description(box / "raw"), write_derivatives(box / "made")
    for label in [_GOOD, *map(str, range(len(case)))]:
        add_series(root, f"sub-{label}", echoes=1)
    for number, one in enumerate(case):
        for name in one.names:
            folder = made / f"sub-{number}" / ("anat" if "mask" in name else "fmap")
            try:
                image = write_image(folder / f"sub-{number}_{name}.nii.gz", shape=one.shape)
                image.with_name(f"sub-{number}_{name}.json").write_bytes(one.sidecar)
            except (OSError, UnicodeEncodeError):
                continue
    derivatives = {"made": made}
    _check(find_series(settings_for(root, derivatives=derivatives)), root)
    for start in ("nearest", "local-field"):
        for item in find_series(settings_for(root, derivatives=derivatives, start=start)).skipped:
            check_sentence(item.reason)


_descriptions = json_files(
    objects(
        {
            "Name": texts,
            "BIDSVersion": texts,
            "DatasetType": st.sampled_from(["raw", "derivative"]),
            "GeneratedBy": json_values,
            "DatasetLinks": json_values,
        }
    )
)


def _read_description(case: bytes, box: Path) -> None:
    root = box / "raw"
    root.mkdir()
    add_series(root, f"sub-{_GOOD}", echoes=1)
    (root / "dataset_description.json").write_bytes(case)
    _check(find_series(settings_for(root)), root)


SURFACES = {
    "sidecar": Surface(_participants, _read_sidecars, len, share=0.7),
    "name": Surface(_trees, _read_names, lambda case: sum(1 + len(n) for _, n in case)),
    "filter file": Surface(_filters, _read_filters),
    "derivatives": Surface(
        st.lists(_derived, min_size=6, max_size=12), _read_derivatives, len, share=0.3
    ),
    "dataset description": Surface(_descriptions, _read_description, share=0.5),
}

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
from bids_tree import (
    SHAPE,
    add_series,
    only,
    settings_for,
    write_description,
    write_image,
    write_meta,
)

from qsmbids.bids.find import find_series
from qsmbids.bids.layout import Dataset
from qsmbids.errors import InputError, UsageError


def test_multi_echo_series(raw):
    files = add_series(raw, "sub-01_ses-a_acq-x_rec-y_run-01", Manufacturer="Siemens")
    series = only(find_series(settings_for(raw)))
    assert series.key == "sub-01_ses-a_acq-x_rec-y_run-01"
    assert (series.participant, series.session, series.start) == ("01", "a", "raw")
    assert series.magnitude == tuple(files[::2])
    assert series.phase == tuple(files[1::2])
    assert series.echo_times == pytest.approx((0.004, 0.008, 0.012))
    assert (series.field_strength, series.phase_units) == (3, "arbitrary")
    assert series.manufacturer == "Siemens"
    assert series.sources[0] == (
        "bids:raw:sub-01/ses-a/anat/sub-01_ses-a_acq-x_rec-y_run-01_echo-1_part-mag_MEGRE.nii.gz"
    )
    assert len(series.sources) == 6
    assert pickle.loads(pickle.dumps(series)) == series
    json.dumps(series.entities)


@pytest.mark.parametrize(
    ("suffix", "echoes", "digits"),
    [("T2starw", 0, 1), ("T1w", 3, 1), ("MEGRE", 3, 2), ("T2starw", 11, 1)],
)
def test_suffixes_single_echo_and_padding(raw, suffix, echoes, digits):
    add_series(raw, suffix=suffix, echoes=echoes, digits=digits)
    series = only(find_series(settings_for(raw)))
    assert series.echo_times == pytest.approx([0.004 * n for n in range(1, max(echoes, 1) + 1)])
    assert len(series.magnitude) == len(series.phase) == max(echoes, 1)


def test_real_and_imaginary(raw):
    files = add_series(raw, parts=("real", "imag"))
    series = only(find_series(settings_for(raw)))
    assert series.real == tuple(files[::2])
    assert series.imaginary == tuple(files[1::2])
    assert series.magnitude == series.phase == ()


def test_magnitude_without_part_entity(raw):
    files = add_series(raw, parts=("", "phase"))
    assert only(find_series(settings_for(raw))).magnitude == tuple(files[::2])


def test_combined_image_beside_single_echo_phase_is_its_magnitude_only_unnumbered(raw):
    files = add_series(raw, suffix="T2starw")
    write_image(raw / "sub-01/anat/sub-01_T2starw.nii.gz")
    assert only(find_series(settings_for(raw))).magnitude == tuple(files[::2])


def test_inherited_sidecar_and_its_override(raw):
    for path in add_series(raw):
        path.with_name(path.name.replace(".nii.gz", ".json")).unlink()
    (raw / "MEGRE.json").write_text(json.dumps({"MagneticFieldStrength": 7, "EchoTime": 0.3}))
    for echo in (1, 2, 3):
        inherited = raw / "sub-01" / f"sub-01_echo-{echo}_MEGRE.json"
        inherited.write_text(json.dumps({"EchoTime": 0.01 * echo}))
    (raw / "part-phase_MEGRE.json").write_text(json.dumps({"Units": "rad"}))
    series = only(find_series(settings_for(raw)))
    assert series.echo_times == pytest.approx((0.01, 0.02, 0.03))
    assert (series.field_strength, series.phase_units) == (7, "rad")


def test_every_session_acquisition_and_run_is_its_own_series(raw):
    stems = ["sub-01_ses-a_run-1", "sub-01_ses-a_run-2", "sub-01_ses-b_acq-hi", "sub-02"]
    for stem in stems:
        add_series(raw, stem)
    assert [s.key for s in find_series(settings_for(raw)).series] == stems
    some = find_series(settings_for(raw, participants=("sub-01",), sessions=("ses-a",)))
    assert [s.key for s in some.series] == stems[:2]
    assert some.participants == ("01",)


def test_filter_chooses_series_and_echoes(raw):
    add_series(raw, "sub-01_acq-x")
    add_series(raw, "sub-01")
    filters = {"series": {"acquisition": "x", "echo": ["2", "3"]}}
    series = only(find_series(settings_for(raw, filters=filters)))
    assert series.key == "sub-01_acq-x"
    assert series.echo_times == pytest.approx((0.008, 0.012))
    none = only(find_series(settings_for(raw, filters={"series": {"acquisition": None}})))
    assert none.key == "sub-01"


@pytest.mark.parametrize("filters", [{"bold": {}}, {"series": {"acqisition": "x"}}, {"mask": 3}])
def test_wrong_filter_is_a_usage_error(raw, filters):
    add_series(raw)
    with pytest.raises(UsageError, match="filter"):
        find_series(settings_for(raw, filters=filters, derivatives={"d": raw}))


def test_database_is_made_once_and_reused(raw, tmp_path):
    add_series(raw, "sub-01")
    add_series(raw, "sub-02")
    database = tmp_path / "database"
    (raw / "MEGRE.json").write_text('{"Manufacturer": "inherited"}')
    settings = settings_for(raw, database_dir=database, participants=("01",))
    first = find_series(settings)
    add_series(raw, "sub-01_acq-new")
    assert find_series(settings) == first
    assert only(first).manufacturer == "inherited"
    other = settings_for(raw, database_dir=database, participants=("02",))
    assert [s.key for s in find_series(other).series] == ["sub-02"]
    add_series(raw, "sub-03")
    with pytest.raises(InputError, match="newer than the database"):
        find_series(settings_for(raw, database_dir=database, participants=("03",)))
    elsewhere = write_description(tmp_path / "elsewhere")
    add_series(elsewhere)
    with pytest.raises(UsageError, match="was made from"):
        find_series(settings_for(elsewhere, database_dir=database))


def test_only_the_wanted_are_indexed(raw):
    for stem in ("sub-01_ses-a", "sub-01_ses-b", "sub-011_ses-a", "sub-02_ses-a"):
        add_series(raw, stem, echoes=0, suffix="T2starw")
    dataset = Dataset("raw", raw, participants=["01"], sessions=["a"])
    assert {path.parent.parent.name for path in dataset.images({"subject": "*"})} == {"ses-a"}
    assert {path.name[:7] for path in dataset.images({"subject": "*"})} == {"sub-01_"}


def test_a_path_that_is_not_in_its_shortest_form(raw, monkeypatch):
    add_series(raw)
    monkeypatch.chdir(raw)
    for root in (Path(), Path("..") / "raw", raw / "sub-01" / ".."):
        assert only(find_series(settings_for(root))).sources[0].startswith("bids:raw:sub-01/")


def test_ordinary_anatomical_images_are_passed_over(raw):
    add_series(raw)
    write_image(raw / "sub-01/anat/sub-01_T1w.nii.gz", meta={})
    write_image(raw / "sub-02/anat/sub-02_T1w.nii.gz", meta={})
    inventory = find_series(settings_for(raw))
    assert len(inventory.series) == 1
    (skipped,) = inventory.skipped
    assert (skipped.key, skipped.error) == ("sub-02", False)
    asked = find_series(settings_for(raw, participants=("01", "02")))
    assert [item.error for item in asked.skipped] == [True]


def test_magnitude_only_is_skipped_without_error(raw):
    add_series(raw, "sub-01")
    write_image(raw / "sub-01/anat/sub-01_acq-m_part-mag_T2starw.nii.gz", meta={})
    (skipped,) = find_series(settings_for(raw)).skipped
    assert not skipped.error
    assert "sub-01_acq-m_T2starw has a magnitude only" in skipped.reason


def test_participant_or_session_that_does_not_exist(raw):
    for number in range(7):
        add_series(raw, f"sub-{number}_ses-a", echoes=0, suffix="T2starw")
    with pytest.raises(UsageError, match=r"no participant sub-99 .* 0, 1, 2, 3, 4 \.\.\. \(7"):
        find_series(settings_for(raw, participants=("1", "99")))
    with pytest.raises(UsageError, match=r"no session ses-z .* there are: a"):
        find_series(settings_for(raw, sessions=("z",)))


def test_folders_that_do_not_exist(raw, tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        find_series(settings_for(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="nowhere"):
        find_series(settings_for(raw, derivatives={"x": tmp_path / "nowhere"}))


def test_nothing_to_do_says_what_was_looked_for_and_found(raw):
    with pytest.raises(InputError, match="no participants"):
        find_series(settings_for(raw))
    write_image(raw / "sub-01/anat/sub-01_echo-1_MEGRE.nii.gz", meta={})
    with pytest.raises(InputError, match=r"part-mag with part-phase[^\n]*\n  magnitude only"):
        find_series(settings_for(raw))
    with pytest.raises(InputError, match="desc-local_fieldmap"):
        find_series(settings_for(raw, start="local-field"))


def test_two_suffixes_of_one_name_are_refused(raw):
    add_series(raw, suffix="MEGRE")
    add_series(raw, suffix="T2starw")
    inventory = find_series(settings_for(raw))
    assert all(item.error and "overwrite" in item.reason for item in inventory.skipped)
    chosen = find_series(settings_for(raw, filters={"series": {"suffix": "MEGRE"}}))
    assert only(chosen).magnitude[0].name.endswith("MEGRE.nii.gz")


# masks


def test_mask_from_derivatives_is_used_and_said(raw, derivatives):
    add_series(raw, "sub-01_run-1")
    for name in ("sub-01_label-CSF_mask", "sub-01_desc-signal_mask", "sub-01_desc-brain_mask"):
        mask = write_image(derivatives / "sub-01/anat" / f"{name}.nii.gz", dtype="uint8")
    series = only(find_series(settings_for(raw, derivatives={"own": derivatives})))
    assert series.mask == mask
    assert series.sources[-1] == "bids:own:sub-01/anat/sub-01_desc-brain_mask.nii.gz"
    signal = "own:sub-01/anat/sub-01_desc-signal_mask.nii.gz"
    assert series.mask_source == f"own (rather than {signal})"
    assert series.warnings == ()  # a mask that was asked for is none
    filters = {"mask": {"desc": "signal"}}
    settings = settings_for(raw, derivatives={"own": derivatives}, filters=filters)
    assert only(find_series(settings)).mask.name == "sub-01_desc-signal_mask.nii.gz"


def test_mask_of_the_same_run_wins_and_one_of_another_does_not_serve(raw, derivatives):
    add_series(raw, "sub-01_run-1")
    add_series(raw, "sub-01_run-2")
    general = write_image(derivatives / "sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    own = write_image(derivatives / "sub-01/anat/sub-01_run-2_mask.nii.gz")
    write_image(derivatives / "sub-01/anat/sub-01_space-MNI_run-2_desc-brain_mask.nii.gz")
    found = find_series(settings_for(raw, derivatives={"own": derivatives})).series
    assert [series.mask for series in found] == [general, own]


def test_mask_is_left_alone_when_brain_extraction_is_asked_for(raw, derivatives):
    add_series(raw)
    write_image(derivatives / "sub-01/anat/sub-01_desc-brain_mask.nii.gz", shape=(9, 9, 9))
    settings = settings_for(raw, derivatives={"d": derivatives}, brain_extraction="network")
    assert only(find_series(settings)).mask is None


# fields


def add_field(root, kind="local", *, units="Hz", mask="brain", **meta):
    folder = root / "sub-01" / "fmap"
    field = folder / f"sub-01_desc-{kind}_fieldmap.nii.gz"
    write_image(field, meta={"Units": units, "MagneticFieldStrength": 3, **meta})
    if mask:
        write_image(root / "sub-01/anat" / f"sub-01_desc-{mask}_mask.nii.gz", dtype="uint8")
    return field


@pytest.mark.parametrize("kind", ["local", "total"])
def test_derivatives_alone(derivatives, kind):
    field = add_field(derivatives, kind)
    magnitude = write_image(derivatives / "sub-01/fmap/sub-01_magnitude.nii.gz")
    for settings in (
        settings_for(derivatives, derivatives={"fields": derivatives}),
        settings_for(derivatives),
    ):
        series = only(find_series(settings))
        assert (series.start, series.field, series.field_units) == (f"{kind}-field", field, "Hz")
        assert (series.magnitude, series.field_strength) == ((magnitude,), 3)
        assert series.mask.name == "sub-01_desc-brain_mask.nii.gz"
        assert series.key == "sub-01"
        assert len(series.sources) == 3


def test_raw_data_come_first_unless_forced(raw, derivatives):
    files = add_series(raw)
    add_field(derivatives, "local", MagneticFieldStrength=None)
    add_field(derivatives, "total")
    given = {"derivatives": {"d": derivatives}}
    assert only(find_series(settings_for(raw, **given))).start == "raw"
    total = only(find_series(settings_for(raw, **given, start="total-field")))
    local = only(find_series(settings_for(raw, **given, start="local-field")))
    assert (total.start, local.start) == ("total-field", "local-field")
    assert local.field_strength == 3  # from the raw series
    assert local.magnitude == tuple(files[::2])
    assert len(local.echo_times) == 3
    assert local.sources[1].startswith("bids:raw:")
    with pytest.raises(InputError, match="Nothing to do"):
        find_series(settings_for(derivatives, start="raw"))


def test_local_field_is_preferred_and_takes_the_eroded_mask(derivatives):
    add_field(derivatives, "total")
    add_field(derivatives, "local", units="ppm", mask="eroded")
    series = only(find_series(settings_for(derivatives)))
    assert (series.start, series.field_units) == ("local-field", "ppm")
    assert series.mask.name == "sub-01_desc-eroded_mask.nii.gz"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"mask": None}, "has no mask"),
        ({"units": "T"}, "Units .* is T; convert"),
        ({"MagneticFieldStrength": None}, "MagneticFieldStrength is missing"),
    ],
)
def test_bad_field(derivatives, change, text):
    add_field(derivatives, **change)
    with_error = find_series(settings_for(derivatives)).skipped
    assert [item.error for item in with_error] == [True]
    assert "sub-01/fmap/sub-01_desc-local_fieldmap.nii.gz" in with_error[0].reason
    assert re.search(text, with_error[0].reason)


def test_field_and_mask_on_different_grids(derivatives):
    add_field(derivatives, mask=None)
    write_image(derivatives / "sub-01/anat/sub-01_mask.nii.gz", shape=(SHAPE[0] + 1, *SHAPE[1:]))
    (skipped,) = find_series(settings_for(derivatives)).skipped
    assert "sub-01_mask.nii.gz lies on another grid" in skipped.reason
    assert skipped.error


def test_the_official_example(raw):
    """Its T1w of one echo has a plain image beside it, and a field strength written as text."""
    anat = raw / "sub-01" / "anat"
    for name in ("part-mag_T1w", "part-phase_T1w", "T1w"):
        meta = {"MagneticFieldStrength": "3", "EchoTime": 0.0081}
        write_image(anat / f"sub-01_{name}.nii.gz", meta=meta)
    series = only(find_series(settings_for(raw)))
    assert series.magnitude == (anat / "sub-01_part-mag_T1w.nii.gz",)
    assert (series.field_strength, series.echo_times) == (3, (0.0081,))


def test_metadata_null_counts_as_missing(raw):
    path = add_series(raw)[0]
    write_meta(path, {"EchoTime": 0.004, "MagneticFieldStrength": None})
    assert only(find_series(settings_for(raw))).field_strength == 3

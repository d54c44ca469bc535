"""Input as converters leave it: what is found, as what, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from bids_tree import (
    SHAPE,
    add_fieldmap,
    add_series,
    only,
    settings_for,
    write_derivatives,
    write_image,
    write_meta,
)

from qsmbids.bids.find import find_series
from qsmbids.errors import InputError

STACK = (*SHAPE, 3)
TIMES = {"EchoTime": [0.004, 0.008, 0.012], "MagneticFieldStrength": 3}
DIFFERENCE = {"EchoTime1": 0.00519, "EchoTime2": 0.00765, "EchoTime": 0.00765}
MAPPING = {"Manufacturer": "Siemens", "PulseSequenceDetails": "%SiemensSeq%\\gre_field_mapping"}


def refusal(root: Path, **more: Any) -> str:
    (skipped,) = find_series(settings_for(root, **more)).skipped
    assert skipped.error
    assert "\n" not in skipped.reason
    return skipped.reason


def anat(root: Path, name: str, meta: dict[str, Any] | None = None, **how: Any) -> Path:
    path = root / "sub-01" / "anat" / f"sub-01_{name}.nii.gz"
    stated = meta and {"MagneticFieldStrength": 3, **meta}
    return write_image(path, meta=stated, **how)


# one file of all echoes


@pytest.mark.parametrize("parts", [("mag", "phase"), ("real", "imag")])
def test_one_file_of_all_echoes_is_a_series_of_them(raw, parts):
    files = [anat(raw, f"part-{part}_MEGRE", TIMES, shape=STACK) for part in parts]
    series = only(find_series(settings_for(raw)))
    assert (series.volumes, series.echo_times) == ((0, 1, 2), (0.004, 0.008, 0.012))
    assert [*(series.magnitude or series.real), *(series.phase or series.imaginary)] == files
    assert series.shows_decay


def test_volumes_are_put_in_order_of_time(raw):
    times = {"EchoTime": [0.012, 0.004, 0.008]}
    for part in ("mag", "phase"):
        anat(raw, f"part-{part}_T2starw", times, shape=STACK)
    series = only(find_series(settings_for(raw)))
    assert (series.volumes, series.echo_times) == ((1, 2, 0), (0.004, 0.008, 0.012))
    assert "put in order of time" in series.warnings[0]


@pytest.mark.parametrize(
    ("phase", "shape", "text"),
    [
        ({"EchoTime": [0.004, 0.008]}, STACK, r"phase_MEGRE.* is not that of .*mag_MEGRE"),
        ({"EchoTime": 0.004}, STACK, r"phase_MEGRE.* is not that of .*mag_MEGRE"),
        ({"EchoTime": [4, 8, 12]}, STACK, "must be milliseconds"),
        ({"EchoTime": [0.004, 0.004, 0.012]}, STACK, "is not that of"),
        (TIMES, (*SHAPE, 2), r"phase_MEGRE.nii.gz holds 2 volumes .* states 3 times"),
        (TIMES, SHAPE, r"phase_MEGRE.nii.gz holds 1 volume .* states 3 times"),
        (TIMES, (*STACK, 8), r"phase_MEGRE.nii.gz is 5D .* single receive coils .* combine"),
    ],
)
def test_one_file_of_echoes_that_its_times_do_not_fit(raw, phase, shape, text):
    anat(raw, "part-mag_MEGRE", TIMES, shape=STACK)
    anat(raw, "part-phase_MEGRE", phase, shape=shape)
    assert re.search(text, refusal(raw))


def test_coils_along_the_fourth_axis_are_refused(raw):
    for part in ("mag", "phase"):
        anat(raw, f"part-{part}_T2starw", {"EchoTime": 0.02}, shape=(*SHAPE, 32))
    assert re.search("32 volumes .* states one time; .* receive coils .* combine", refusal(raw))


def test_a_list_of_times_for_a_file_an_echo_is_by_number(raw):
    for path in add_series(raw):
        write_meta(path, TIMES)
    assert only(find_series(settings_for(raw))).echo_times == (0.004, 0.008, 0.012)


# echoes and their times


def test_echoes_are_put_in_order_of_time(raw):
    files = add_series(raw)
    for path, time in zip(files, (0.008, 0.008, 0.012, 0.012, 0.004, 0.004), strict=True):
        write_meta(path, {"EchoTime": time, "MagneticFieldStrength": 3})
    series = only(find_series(settings_for(raw)))
    assert series.echo_times == (0.004, 0.008, 0.012)
    assert series.magnitude == (files[4], files[0], files[2])
    assert series.phase == (files[5], files[1], files[3])
    assert "(8, 12, 4 ms)" in series.warnings[0]


def test_unequal_spacing_and_a_missing_middle_echo_that_the_user_has_left_out(raw):
    files = add_series(raw)
    for path in files[4:]:
        write_meta(path, {"EchoTime": 0.019, "MagneticFieldStrength": 3})
    assert only(find_series(settings_for(raw))).echo_times == (0.004, 0.008, 0.019)
    for path in files[2:4]:
        path.unlink()
    assert "has no echo 2 though it has echo 3" in refusal(raw)
    chosen = find_series(settings_for(raw, filters={"series": {"echo": ["1", "3"]}}))
    assert only(chosen).echo_times == (0.004, 0.019)


def test_one_echo_whose_sidecar_is_the_datasets(raw):
    for part in ("mag", "phase"):
        anat(raw, f"part-{part}_T2starw")
    (raw / "T2starw.json").write_text('{"EchoTime": 0.02, "MagneticFieldStrength": 7}')
    (raw / "part-phase_T2starw.json").write_text('{"Units": "rad"}')
    series = only(find_series(settings_for(raw)))
    assert (series.echo_times, series.field_strength) == ((0.02,), 7)
    assert series.phase_units == "rad"


# phase differences


def as_t2starw(root: Path, meta: dict[str, Any]) -> None:
    anat(root, "part-mag_T2starw", {"EchoTime": 0.00519})
    anat(root, "part-phase_T2starw", meta)


def as_megre(root: Path, meta: dict[str, Any]) -> None:
    for echo, time in (("1", 0.00519), ("2", 0.00765)):
        anat(root, f"echo-{echo}_part-mag_MEGRE", {"EchoTime": time})
    anat(root, "echo-2_part-phase_MEGRE", meta)


def as_fmap(root: Path, meta: dict[str, Any]) -> None:
    add_fieldmap(root, magnitude1={}, magnitude2={"EchoTime": 0.00765}, phasediff=meta)


@pytest.mark.parametrize(("written", "magnitudes"), [(as_t2starw, 1), (as_megre, 2), (as_fmap, 2)])
@pytest.mark.parametrize("meta", [{}, MAPPING])
def test_a_phase_difference_is_one_whatever_its_name(raw, written, magnitudes, meta):
    written(raw, {**DIFFERENCE, **meta})
    series = only(find_series(settings_for(raw, input="all")))
    assert series.difference
    assert series.echo_times == (0.00519, 0.00765)
    assert (len(series.magnitude), len(series.phase)) == (magnitudes, 1)
    assert series.shows_decay is (magnitudes == 2)


def test_magnitudes_of_other_times_than_the_difference(raw):
    add_fieldmap(raw, magnitude1={"EchoTime": 0.003}, magnitude2={}, phasediff=DIFFERENCE)
    series = only(find_series(settings_for(raw, input="fmap")))
    assert not series.shows_decay
    assert "magnitude1.nii.gz stands for both echoes" in series.warnings[0]


@pytest.mark.parametrize("written", [as_t2starw, as_megre, as_fmap])
@pytest.mark.parametrize(
    ("meta", "text"),
    [
        ({**MAPPING, "EchoTime": 0.00765}, "does not state both EchoTime1 and EchoTime2"),
        ({"SequenceName": "*fm2d2r", "EchoTime2": 0.00765}, "does not state both"),
        ({**DIFFERENCE, "EchoTime1": 0.00765, "EchoTime2": 0.00519}, "is not shorter than"),
        ({**DIFFERENCE, "EchoTime1": 5.19, "EchoTime2": 7.65}, "must be milliseconds"),
    ],
)
def test_a_phase_difference_that_cannot_be_scaled_is_refused(raw, written, meta, text):
    written(raw, meta)
    assert re.search(f"phase.*{text}", refusal(raw, input="all"))


def test_a_phase_difference_without_magnitude_is_refused(raw):
    add_fieldmap(raw, phasediff=DIFFERENCE)
    assert "phasediff.nii.gz has no magnitude" in refusal(raw, input="fmap")


def test_siemens_states_both_times_of_any_phase_so_one_of_another_sequence_is_refused(raw):
    meta = {"Manufacturer": "Siemens", "PulseSequenceDetails": "%SiemensSeq%\\gre"}
    as_t2starw(raw, {**DIFFERENCE, **meta})
    assert re.search(r"its sequence \(gre\) is no field mapping; remove", refusal(raw))


@pytest.mark.parametrize(
    ("meta", "echo", "filters"),
    [
        ({"SequenceName": "*swi3d1r"}, "", {}),
        ({"SequenceName": "*fl3d2r", "EchoTime": 0.00519}, "", {}),
        ({"SequenceName": "*fl3d2r"}, "echo-2_", {"series": {"echo": "2"}}),
    ],
)
def test_one_echo_of_siemens_is_no_difference_though_both_times_are_stated(
    raw, meta, echo, filters
):
    meta = {**DIFFERENCE, "Manufacturer": "Siemens", **meta}
    anat(raw, f"{echo}part-mag_T2starw", {"EchoTime": meta["EchoTime"]})
    anat(raw, f"{echo}part-phase_T2starw", meta)
    series = only(find_series(settings_for(raw, filters=filters)))
    assert (series.difference, series.echo_times) == (False, (meta["EchoTime"],))


def test_phase_of_each_echo_is_no_difference_though_both_times_are_stated(raw):
    for path in add_series(raw, Manufacturer="Siemens", SequenceName="*fl3d3r"):
        if "phase" in path.name:
            echo = int(path.name.split("echo-")[1][0])
            write_meta(path, {**DIFFERENCE, "EchoTime": 0.004 * echo})
    series = only(find_series(settings_for(raw)))
    assert not series.difference
    assert series.echo_times == pytest.approx((0.004, 0.008, 0.012))


# fmap/


def test_two_phases_are_two_echoes(raw):
    times = {"1": {"EchoTime": 0.00519}, "2": {"EchoTime": 0.00765}}
    files = add_fieldmap(
        raw,
        **{f"{kind}{n}": meta for kind in ("magnitude", "phase") for n, meta in times.items()},
    )
    series = only(find_series(settings_for(raw, input="fmap")))
    assert (series.magnitude, series.phase) == (tuple(files[:2]), tuple(files[2:]))
    assert (series.echo_times, series.difference) == ((0.00519, 0.00765), False)
    files[3].unlink()
    assert "magnitude2.nii.gz has no phase of the same echo" in refusal(raw, input="fmap")


@pytest.mark.parametrize("units", ["Hz", "rad/s"])
def test_a_field_map_is_a_total_field(raw, units):
    magnitude, field = add_fieldmap(raw, magnitude={}, fieldmap={"Units": units})
    series = only(find_series(settings_for(raw, input="fmap")))
    assert (series.start, series.field, series.field_units) == ("total-field", field, units)
    assert (series.magnitude, series.from_scanner) == ((magnitude,), True)


@pytest.mark.parametrize(
    ("fill", "units", "start"),
    [(200, "Hz", "raw"), (250, "Hz", "total-field"), (1200, "rad/s", "raw")],
)
def test_a_field_map_within_half_a_turn_of_its_echoes_is_their_phase(raw, fill, units, start):
    meta = {"Units": units, "EchoTime1": 0.004608, "EchoTime2": 0.006912}
    _, field = add_fieldmap(raw, magnitude={}, fieldmap=meta)
    write_image(field, fill=fill)
    series = only(find_series(settings_for(raw, input="fmap")))
    assert (series.start, series.difference) == (start, start == "raw")
    if start == "raw":
        assert (series.phase, series.phase_units) == ((field,), units)


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"magnitude": {}, "fieldmap": {"Units": "T"}}, "Units of .*fieldmap.nii.gz is T"),
        ({"magnitude": {}, "fieldmap": {}}, "Units of .*fieldmap.nii.gz is missing"),
        ({"fieldmap": {"Units": "Hz"}}, "has no magnitude .* desc-brain_mask"),
        (
            {"magnitude": {}, "fieldmap": {"Units": "Hz", "MagneticFieldStrength": None}},
            "MagneticFieldStrength is missing",
        ),
        (
            {"magnitude1": {}, "phasediff": DIFFERENCE, "fieldmap": {"Units": "Hz"}},
            "several series",
        ),
    ],
)
def test_a_field_map_that_does_not_serve_is_refused(raw, files, text):
    add_fieldmap(raw, **files)
    reasons = [item.reason for item in find_series(settings_for(raw, input="fmap")).skipped]
    assert reasons
    assert all(re.search(text, reason) for reason in reasons)


def test_the_filter_chooses_among_field_maps_of_one_name(raw):
    add_fieldmap(raw, magnitude1={}, phasediff=DIFFERENCE, fieldmap={"Units": "Hz"})
    filters = {"series": {"suffix": "phasediff"}}
    series = only(find_series(settings_for(raw, input="fmap", filters=filters)))
    assert series.difference
    assert len(series.magnitude) == 1


def test_all_input_keeps_the_names_of_anat_and_fmap_apart(raw):
    add_series(raw)
    as_fmap(raw, DIFFERENCE)
    assert [one.key for one in find_series(settings_for(raw)).series] == ["sub-01"]
    both = find_series(settings_for(raw, input="all"))
    assert [one.key for one in both.series] == ["sub-01", "sub-01_acq-fmap"]


def test_masks_for_field_maps(raw, derivatives):
    folder = derivatives / "sub-01" / "anat"
    as_fmap(raw, DIFFERENCE)
    settings = settings_for(raw, input="fmap", derivatives={"own": derivatives})
    anatomical = write_image(folder / "sub-01_desc-brain_mask.nii.gz", shape=(9, 9, 9))
    series = only(find_series(settings))
    assert series.mask is None
    assert "A mask was not used: own:sub-01/anat/sub-01_desc-brain" in series.warnings[-1]
    write_image(anatomical)
    assert only(find_series(settings)).mask == anatomical
    own = write_image(folder / "sub-01_acq-fmap_desc-brain_mask.nii.gz")
    assert only(find_series(settings)).mask == own


def test_a_field_map_without_magnitude_takes_a_mask(raw, derivatives):
    mask = write_image(derivatives / "sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    add_fieldmap(raw, fieldmap={"Units": "Hz"})
    settings = settings_for(raw, input="fmap", derivatives={"own": derivatives})
    assert only(find_series(settings)).mask == mask


# what is left out


def left_out(root: Path, **more: Any) -> list[str]:
    with pytest.raises(InputError, match=r"^Nothing to do") as error:
        find_series(settings_for(root, **more))
    return str(error.value).splitlines()


def test_nothing_to_do_lists_what_is_there_and_why_it_is_left_out(raw):
    as_fmap(raw, DIFFERENCE)
    for number in range(5):
        image = f"sub-01/func/sub-01_task-rest_run-{number}_bold.nii.gz"
        write_image(raw / image)
    for name in ("sub-01_e1", "sub-01_e1_ph", "sub-01_e2", "sub-01_e2_ph"):
        write_image(raw / "sub-01" / f"{name}.nii.gz")
    anat(raw, "echo-1_part-phase_GRE")
    anat(raw, "QSM_Phase")
    anat(raw, "gre_cH12")
    anat(raw, "acq-m_part-mag_T2starw")
    write_image(raw / "sub-01/fmap/sub-01_dir-AP_epi.nii.gz")
    first, *lines = left_out(raw)
    assert first.endswith("There is, and was left out:")
    assert [line.strip().partition(":")[0].split(",")[0] for line in lines] == [
        "field maps",
        "magnitude only; susceptibility needs the phase too",
        "single receive coils",
        "names of a converter (e",
        "phase of another suffix than MEGRE",
        "perhaps phase",
        "spin echoes with reversed phase encoding",
        "other images",
    ]
    assert "--input fmap takes: sub-01/fmap/sub-01_phasediff.nii.gz, " in lines[0]
    assert "rename those of a gradient echo to" in lines[3]
    assert lines[3].endswith("sub-01/sub-01_e1_ph.nii.gz, sub-01/sub-01_e2.nii.gz and 1 more")
    assert lines[-1].endswith("run-2_bold.nii.gz and 2 more")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"input": "fmap"}, "gradient echoes, which --input anat takes: .*part-phase_MEGRE"),
        ({"start": "local-field"}, "not what --start local-field asks for: .*part-phase_MEGRE"),
        ({"filters": {"series": {"suffix": "T1w"}}}, "that --bids-filter-file leaves out: "),
        ({"sessions": ("b",)}, "gradient echoes that --session-label leaves out: sub-01/ses-a"),
    ],
)
def test_nothing_to_do_says_which_option_leaves_a_series_out(raw, how, text):
    add_series(raw, "sub-01_ses-a")
    write_image(raw / "sub-01/ses-b/anat/sub-01_ses-b_T2w.nii.gz")
    assert re.search(text, left_out(raw, **how)[1])


def test_fields_of_derivatives_that_the_start_leaves_out_are_named(tmp_path):
    root = write_derivatives(tmp_path / "derivatives")
    meta = {"Units": "Hz", "MagneticFieldStrength": 3}
    write_image(root / "sub-01/fmap/sub-01_desc-total_fieldmap.nii.gz", meta=meta)
    lines = left_out(root, start="raw")
    assert any("not what --start raw asks for: sub-01/fmap/sub-01_desc-total" in x for x in lines)


def test_a_folder_that_is_no_dataset_is_described(tmp_path):
    root = tmp_path / "converted"
    for name in ("gre_4_e1", "gre_5_e1_ph"):
        write_image(root / f"{name}.nii.gz")
    (root / "dicom").mkdir()
    (root / "dicom" / "1.dcm").write_bytes(b"dicom")
    first, *lines = left_out(root)
    assert "has no participants" in first
    assert lines[0].endswith("gre_4_e1.nii.gz, gre_5_e1_ph.nii.gz")
    assert re.search("qsmbids-dicom .* to BIDS first: dicom/1.dcm", lines[1])


def test_a_participant_without_a_series_is_told_what_it_has(raw):
    add_series(raw, "sub-02")
    as_fmap(raw, DIFFERENCE)
    (skipped,) = find_series(settings_for(raw)).skipped
    assert (skipped.key, skipped.error) == ("sub-01", False)
    assert "field maps, which --input fmap takes: sub-01/fmap/sub-01_phasediff" in skipped.reason


# real headers


@pytest.fixture
def heads(shared: Path) -> Path:
    return shared / "real-heads" / "images"


def real(heads: Path, name: str, path: Path, **more: Any) -> None:
    """Copy an image under another name, with its sidecar as dcm2niix has written it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(heads / f"{name}.nii.gz", path)
    write_meta(path, {**json.loads((heads / f"{name}.json").read_text()), **more})


def test_real_field_maps_are_found(raw, heads):
    for suffix, name in (("magnitude1", "echo-1_mag"), ("phasediff", "phasediff")):
        path = raw / "sub-siemens" / "fmap" / f"sub-siemens_{suffix}.nii.gz"
        real(heads, f"siemens3T-gre_{name}", path)
    for suffix, name in (("magnitude", "mag"), ("fieldmap", "fieldmap")):
        real(heads, f"ge3T-b0map_{name}", raw / "sub-ge" / "fmap" / f"sub-ge_{suffix}.nii.gz")
    for part, name in (("mag", "echo-2_mag"), ("phase", "phasediff")):
        path = raw / "sub-named" / "anat" / f"sub-named_part-{part}_T2starw.nii.gz"
        real(heads, f"siemens3T-gre_{name}", path)
    found = {one.key: one for one in find_series(settings_for(raw, input="all")).series}
    assert set(found) == {"sub-ge_acq-fmap", "sub-named", "sub-siemens_acq-fmap"}
    assert all(one.difference and one.start == "raw" for one in found.values())
    for key in ("sub-named", "sub-siemens_acq-fmap"):
        assert found[key].echo_times == (0.00519, 0.00765)
    assert found["sub-ge_acq-fmap"].phase_units == "Hz"

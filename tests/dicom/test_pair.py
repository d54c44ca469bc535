"""Which images belong together, and what of a header is kept: without files."""

from __future__ import annotations

import pytest

from qsmbids.dicom import Image, make_plan
from qsmbids.dicom.acquisition import fault
from qsmbids.dicom.anonymise import KEPT, clean_sidecar
from qsmbids.dicom.kinds import unfit
from qsmbids.dicom.pair import pair

GEOMETRY = {"MRAcquisitionType": "3D", "SliceThickness": 1, "Modality": "MR"}


WORDS = {"_ph": ["P", "PHASE"], "_real": ["R", "REAL"], "_imaginary": ["I", "IMAGINARY"]}


def image(uid, number, echo, mark="", **header):
    named = {"SeriesNumber": number, "EchoTime": echo, **GEOMETRY, **header}
    named["ImageType"] = ["ORIGINAL", "PRIMARY", *WORDS.get(mark, ())]
    return Image(f"{uid}_{number}_1{mark}", named, (uid,))


def numbers(acquisitions):
    return [(a.first.images[0].series, a.second.images[0].series) for a in acquisitions]


def test_a_vendor_that_puts_all_parts_into_one_series():
    marks = ("", "_ph", "_real", "_imaginary")
    parts = [image("9.1", 3, t, mark) for t in (0.004, 0.008) for mark in marks]
    (found,), left = pair(parts)
    assert found.part == "phase"  # magnitude and phase say all that the other two do
    assert len(found.images) == 4
    assert left == []


def test_without_phase_the_complex_parts_are_taken():
    marks = ("", "_real", "_imaginary")
    (found,), _ = pair([image("9.1", 3, 0.02, mark) for mark in marks])
    assert (found.first.part, found.second.part) == ("real part", "imaginary part")


def test_repeats_are_paired_by_time_before_number():
    images = [
        image("9.1", 4, 0.02, AcquisitionTime="10:00:00"),
        image("9.2", 5, 0.02, AcquisitionTime="11:00:00"),
        image("9.3", 6, 0.02, "_ph", AcquisitionTime="10:00:00"),
        image("9.4", 7, 0.02, "_ph", AcquisitionTime="11:00:00"),
    ]
    assert numbers(pair(images)[0]) == [(4, 6), (5, 7)]


def test_repeats_without_times_are_paired_by_the_number_that_follows():
    images = [image(f"9.{n}", n, 0.02, "_ph" if n % 2 else "") for n in (4, 5, 6, 7)]
    assert numbers(pair(images)[0]) == [(4, 5), (6, 7)]


def test_another_geometry_is_no_partner():
    images = [image("9.1", 4, 0.02), image("9.2", 5, 0.02, "_ph", SliceThickness=2)]
    found, left = pair(images)
    assert found == []
    assert {one.series for one, _ in left} == {4, 5}


def test_a_phase_difference_needs_its_two_times():
    first, second = image("9.1", 2, 0.005), image("9.1", 2, 0.007)
    guess = {"BidsGuess": ["fmap", "_acq-fm2_phasediff"]}
    (found,), _ = pair([first, second, image("9.2", 3, 0.007, "_ph", **guess)])
    assert found.part == "phase difference"
    assert fault(found) is None  # those of the magnitudes
    (alone,), _ = pair([first, image("9.2", 3, 0.007, "_ph", **guess)])
    assert "two echo times" in fault(alone)


@pytest.mark.parametrize("echoes", [(0.02,), (0.004, 0.009, 0.014)])
def test_two_times_in_a_siemens_header_make_no_difference_of_echoes(echoes):
    stated = {"EchoTime1": 0.004, "EchoTime2": 0.009, "Manufacturer": "Siemens"}
    images = [
        image(
            "9.1" if mark == "" else "9.2",
            4 + bool(mark),
            t,
            mark,
            SequenceName="*fl3d1r",
            **stated,
        )
        for t in echoes
        for mark in ("", "_ph")
    ]
    (entry,) = make_plan(images).entries
    assert entry.acquisition.part == "phase"
    assert len(entry.outputs) == 2 * len(echoes)
    assert all("/anat/" in output.path for output in entry.outputs)
    assert all({"EchoTime1", "EchoTime2"} <= set(output.without) for output in entry.outputs)


def test_the_same_echo_twice_is_refused():
    images = [image("9.1", 4, 0.02), image("9.1", 4, 0.02), image("9.2", 5, 0.02, "_ph")]
    (found,), _ = pair(images)
    assert "same echo time twice" in fault(found)


def test_coils_apart_are_left_out():
    assert "single coil" in unfit(image("9.1", 4, 0.02, "_c32"))
    assert unfit(image("9.1", 4, 0.02, "_ph")) is None


def test_participants_are_numbered_in_the_order_of_their_ids():
    people = [
        image(f"9.{n}", 4, 0.02, mark, PatientID=name)
        for n, name in enumerate(("P10", "P9"))
        for mark in ("", "_ph")
    ]
    plan = make_plan(people)
    assert [plan.persons[name][0].patient_id for name in ("01", "02")] == ["P9", "P10"]


def test_only_who_and_what_is_written_takes_a_label():
    visit = {"PatientID": "B", "StudyInstanceUID": "2", "AcquisitionDateTime": "2020-01-01T10:00"}
    scans = [
        image("9.1", 4, 0.02, PatientID="A"),
        image("9.2", 4, 0.02, **visit),
        image("9.2", 4, 0.02, "_ph", **visit),
        image("9.3", 4, 0.02, PatientID="B", StudyInstanceUID="3"),
    ]
    plan = make_plan(scans)
    assert list(plan.persons) == ["01"]
    assert plan.persons["01"][0].patient_id == "B"
    assert plan.days == {("01", ""): "2020-01-01"}
    assert [(left.participant, left.image.uid) for left in plan.left_out] == [
        ("", "9.1"),
        ("01", "9.3"),
    ]


def test_a_field_that_nobody_has_looked_at_is_dropped():
    header = {"EchoTime": 0.02, "PatientFavouriteColour": "blue", "ImageComments": "Mrs Roe"}
    assert clean_sidecar(header) == {"EchoTime": 0.02}
    assert not [name for name in KEPT if "Date" in name or "UID" in name or name.endswith("ID")]


def test_a_name_in_an_odd_place_is_dropped():
    header = {
        "PatientName": "ROE^RITA",
        "ReceiveCoilName": "Coil of Rita",
        "ImageType": ["ORIGINAL", "roe"],
        "Manufacturer": "Siemens",
    }
    assert clean_sidecar(header) == {"Manufacturer": "Siemens"}

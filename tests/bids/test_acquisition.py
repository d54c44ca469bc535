"""How a series was measured, from its sidecars to those of its maps."""

from __future__ import annotations

from bids_tree import add_series, only, settings_for

from qsmbids.bids import sidecar
from qsmbids.bids.acquisition import acquisition
from qsmbids.bids.find import find_series


def test_the_first_stated_value_is_taken_if_it_is_a_number_or_a_text() -> None:
    sidecars = [
        {"FlipAngle": True, "RepetitionTime": [1, 2], "SoftwareVersions": " \n"},
        {"FlipAngle": 15, "RepetitionTime": 0.05, "SoftwareVersions": "VE\n11 C", "Other": 1},
        {"FlipAngle": 20, "PixelBandwidth": None},
    ]
    found = {"FlipAngle": 15, "RepetitionTime": 0.05, "SoftwareVersions": "VE 11 C"}
    assert acquisition(sidecars) == found


def test_sidecars_repeat_the_acquisition(raw) -> None:
    add_series(raw, FlipAngle=12, ManufacturersModelName="Model")
    series = only(find_series(settings_for(raw)))
    content = sidecar(series, kind="Chimap", provenance={"Method": "tv"})
    told = content["Qsmbids"]["Acquisition"]
    assert (told["FlipAngle"], told["ManufacturersModelName"]) == (12, "Model")
    assert content["EchoTime"] == list(series.echo_times)
    assert content["Qsmbids"]["Method"] == "tv"

"""What is done, what will be done, and what it takes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qsmbids.bids import Series
from qsmbids.errors import InputError
from qsmbids.settings import Settings
from qsmbids.workflows import plan, records, resources, signatures, stage_names


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "ds", tmp_path / "out", tmp_path / "work", methods=("tkd",))


@pytest.fixture
def series(tmp_path: Path) -> Series:
    paths = []
    for part in ("mag", "phase"):
        for echo in (1, 2):
            path = tmp_path / "ds" / f"sub-01_echo-{echo}_part-{part}_MEGRE.nii.gz"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"image")
            paths.append(path)
    return Series(
        participant="01",
        session=None,
        entities={"sub": "01"},
        start="raw",
        magnitude=tuple(paths[:2]),
        phase=tuple(paths[2:]),
        echo_times=(0.004, 0.008),
        field_strength=3.0,
    )


@pytest.fixture
def done(series: Series, settings: Settings) -> Series:
    for path in plan.outputs(series, settings):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"map")
    records.write(series, settings)
    return series


def test_what_is_recorded_is_done(done: Series, settings: Settings) -> None:
    assert records.is_done(done, settings)


def test_nothing_is_done_without_a_record(series: Series, settings: Settings) -> None:
    assert not records.is_done(series, settings)


@pytest.mark.parametrize(
    "change",
    [
        {"methods": ("tkd", "tv")},
        {"background": "pdf"},
        {"options": {"tkd": {"threshold": 0.1}}},
        {"write_fields": False},
        {"phase_sign": "negative"},
    ],
)
def test_another_way_is_not_done(done: Series, settings: Settings, change: dict) -> None:
    assert not records.is_done(done, replace(settings, **change))


def test_how_the_run_goes_does_not_matter(done: Series, settings: Settings) -> None:
    other = replace(settings, nprocs=7, mem_gb=1, work_dir=Path("elsewhere"), verbose=1)
    assert records.is_done(done, other)


def test_changed_input_or_output_is_not_done(done: Series, settings: Settings) -> None:
    output = plan.outputs(done, settings)[-1]
    output.write_bytes(b"somebody else's")
    assert not records.is_done(done, settings)
    records.write(done, settings)
    assert records.is_done(done, settings)
    done.phase[0].write_bytes(b"another image")
    assert not records.is_done(done, settings)
    records.write(done, settings)
    output.unlink()
    assert not records.is_done(done, settings)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Outputs": 3}'])
def test_a_damaged_record_is_none(done: Series, settings: Settings, text: str) -> None:
    (records.log_dir(settings, "01") / "sub-01_done.json").write_text(text)
    assert not records.is_done(done, settings)


def test_a_failure_is_told_and_forgotten(done: Series, settings: Settings) -> None:
    records.write_failure(settings, "01", "sub-01", stage="reading", message="bad.", text="long")
    told = json.loads((settings.output_dir / "logs/sub-01/sub-01_error.json").read_text())
    assert (told["series"], told["stage"], told["message"]) == ("sub-01", "reading", "bad.")
    assert "long" in (settings.output_dir / told["crashfile"]).read_text()
    assert records.forget_failure(done, settings)
    assert not records.forget_failure(done, settings)
    assert not list(settings.output_dir.rglob("*error*"))


def test_the_plan_names_what_can_be_written(series: Series, settings: Settings) -> None:
    def names(one: Series, how: Settings = settings) -> list[str]:
        return [image.kind for image in plan.images(one, how)]

    everything = [
        "brain_mask",
        "eroded_mask",
        "reliable_mask",
        "total_fieldmap",
        "local_fieldmap",
        "magnitude",
    ]
    assert names(series) == [*everything, "R2starmap", "T2starmap", "S0map", "Chimap"]
    assert names(replace(series, echo_times=(0.02,))) == [*everything, "Chimap"]
    assert "total_fieldmap" not in names(series, replace(settings, write_fields=False))
    field = series.phase[0]
    bare = replace(series, start="total-field", magnitude=(), echo_times=(), field=field)
    assert names(bare) == ["brain_mask", "eroded_mask", "Chimap"]
    assert names(replace(bare, start="local-field")) == ["eroded_mask", "Chimap"]


def test_stages_have_the_names_people_use() -> None:
    assert stage_names.stage_label("inversion_tv") == "inversion (tv)"
    assert stage_names.stage_label("report_01") == "report"


def test_larger_series_take_more(series: Series, settings: Settings) -> None:
    assert resources.series_memory(2000**2, 4) > resources.series_memory(1000**2, 4)
    assert resources.series_memory(10**7, 8) > resources.series_memory(10**7, 2)
    work, output = resources.disk_space(series, settings, 10**6)
    assert work >= 4 * 4e6
    assert output >= 9 * 4e6


def test_node_names_are_plain_and_unique() -> None:
    keys = ["sub-01_acq-ab", "sub-01_acq-a+b", "sub-01_acq-a b", "sub-01_acq-a-b", "sub-01_acq-ä"]
    names = [stage_names.node_name(key) for key in keys]
    assert names[0] == "sub_01_acq_ab"
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in names)


def _replace(path: Path) -> None:
    """Put other content of equal size and time in a file's place, as `cp -p` does."""
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def test_other_content_of_equal_size_and_time_is_another_input(
    done: Series, settings: Settings
) -> None:
    _replace(done.phase[0])
    assert not records.is_done(done, settings)


def test_equal_content_of_another_time_is_the_same_input(
    done: Series, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(done.phase[0])
    assert records.is_done(done, settings)
    path = records.log_dir(settings, "01") / "sub-01_done.json"
    monkeypatch.setattr("time.time_ns", lambda: 1 << 62)  # all files are old
    before = path.read_text()
    records.renew(done, settings)
    assert path.read_text() != before
    monkeypatch.setattr("qsmbids.workflows.signatures.digest_of", _forbidden)
    assert records.is_done(done, settings)


def _forbidden(path: Path) -> str:
    raise AssertionError(f"{path} is read")


@pytest.mark.parametrize("change", [_replace, Path.unlink])
def test_an_input_that_changes_during_a_run_is_not_recorded(
    series: Series, change: Callable[[Path], object]
) -> None:
    with signatures.signer() as own:
        own.begin(series.images)
        assert len(own.finish(series.images)) == 4
        os.utime(series.phase[0])
        assert len(own.finish(series.images)) == 4
        change(series.phase[0])
        with pytest.raises(InputError, match=r"^sub-01_echo-1_part-phase_MEGRE\.nii\.gz was "):
            own.finish(series.images)

"""One odd participant, or one odd moment, costs the others nothing and is never silent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import phantom
import pytest

from qsmbids.cli.main import main
from qsmbids.workflows.progress import Progress

pytestmark = pytest.mark.slow

COMMON = ("--brain-extraction", "none", "--skip-bids-validation", "--nprocs", "2")


def run(dataset: Path, out: Path, *more: str) -> int:
    work = out.parent / "work"
    command = [str(dataset), str(out), "participant", "-w", str(work), *COMMON]
    return main([*command, "--method", "tkd", *more])


def maps(out: Path) -> list[str]:
    return sorted(path.name for path in out.rglob("*_desc-tkd_Chimap.nii.gz"))


def rename(dataset: Path, old: str, new: str) -> None:
    """Put another text into the names of a participant's files."""
    for path in [*dataset.rglob("*_MEGRE.*")]:
        if old in path.name:
            path.rename(path.with_name(path.name.replace(old, new)))


def test_labels_of_any_characters_keep_nobody_from_a_map(tmp_path: Path) -> None:
    dataset = phantom.write_dataset(tmp_path / "ds", ("01", "02", "03"))
    rename(dataset, "sub-02_", "sub-02_acq-a+b_")
    rename(dataset, "sub-03_", "sub-03_acq-it's a & b:c_")
    assert run(dataset, tmp_path / "out") == 0
    assert maps(tmp_path / "out") == [
        "sub-01_desc-tkd_Chimap.nii.gz",
        "sub-02_acq-a+b_desc-tkd_Chimap.nii.gz",
        "sub-03_acq-it's a & b:c_desc-tkd_Chimap.nii.gz",
    ]


def after_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once the first series has been read."""
    ended = Progress.stage_ended
    waiting = [act]

    def stage_ended(self: Progress, series: str, stage: str) -> None:
        ended(self, series, stage)
        if stage == "reading" and waiting:
            waiting.pop()()

    monkeypatch.setattr(Progress, "stage_ended", stage_ended)


def test_an_input_replaced_during_a_run_is_not_unchanged_ever_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = phantom.write_dataset(tmp_path / "ds", ("01",))
    first, second = (
        dataset / "sub-01/anat" / f"sub-01_echo-{n}_part-mag_MEGRE.nii.gz" for n in (1, 2)
    )
    with monkeypatch.context() as patch:
        after_reading(patch, lambda: shutil.copy(second, first))
        assert run(dataset, tmp_path / "out") == 1
    assert f"{first.name} was changed" in capsys.readouterr().err
    assert run(dataset, tmp_path / "out") == 0
    assert "1 series done, 0 unchanged" in capsys.readouterr().out


def test_an_input_removed_after_the_inventory_ends_its_own_series_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = phantom.write_dataset(tmp_path / "ds", ("01", "02"))
    gone = dataset / "sub-01/anat/sub-01_echo-1_part-mag_MEGRE.nii.gz"
    enter = Progress.__enter__

    def entered(self: Progress) -> Progress:
        gone.unlink(missing_ok=True)
        return enter(self)

    monkeypatch.setattr(Progress, "__enter__", entered)
    assert run(dataset, tmp_path / "out") == 1
    assert gone.name in capsys.readouterr().err
    assert maps(tmp_path / "out") == ["sub-02_desc-tkd_Chimap.nii.gz"]
    assert gone.name in (tmp_path / "out/sub-01.html").read_text()


def test_a_map_that_is_not_finite_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = phantom.write_dataset(tmp_path / "ds", ("01",))
    assert run(dataset, tmp_path / "out", "--option", "tkd.threshold=1e-300") == 1
    shown = capsys.readouterr().err
    assert "sub-01_desc-tkd_Chimap.nii.gz would hold NaN or infinite values" in shown
    assert "Traceback" not in shown
    assert not maps(tmp_path / "out")


def test_damaged_arrays_in_the_work_folder_are_computed_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = phantom.write_dataset(tmp_path / "ds", ("01",))
    out = tmp_path / "out"
    assert run(dataset, out) == 0
    before = {path.name: path.read_bytes() for path in out.rglob("*.nii.gz")}
    for path in out.rglob("*.nii.gz"):
        path.unlink()
    folder = tmp_path / "work/qsmbids/sub_01/stages"
    (weight,) = (folder / "mapping").glob("weight-*.npy")
    weight.write_bytes(weight.read_bytes()[:128] + bytes(weight.stat().st_size - 128))
    (brain,) = (folder / "masking").glob("brain-*.npy")
    brain.write_bytes(brain.read_bytes()[:-10])
    (local,) = (folder / "background").glob("local-*.npy")
    local.unlink()
    (folder / "inversion_tkd/result_inversion_tkd.pklz").write_bytes(b"")
    capsys.readouterr()
    assert run(dataset, out) == 0
    assert {path.name: path.read_bytes() for path in out.rglob("*.nii.gz")} == before


def test_a_page_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = phantom.write_dataset(tmp_path / "ds", ("01", "02"))
    out = tmp_path / "out"
    assert run(dataset, out) == 0
    for label in ("01", "02"):
        (out / f"sub-{label}.html").unlink()
    (out / "sub-01.html").mkdir()
    capsys.readouterr()
    assert run(dataset, out) == 1
    assert "sub-01: the report could not be written" in capsys.readouterr().err
    assert (out / "sub-02.html").is_file()

"""The app from end to end on a phantom."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import phantom
import pytest
from bids_tree import write_derivatives

import qsmbids
from qsmbids.bids import desc_label
from qsmbids.cli.main import main
from qsmbids.inversion import DEFAULT

pytestmark = pytest.mark.slow

COMMON = ("--brain-extraction", "none", "--skip-bids-validation", "--nprocs", "2")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good participants, and one whose phase holds NaN."""
    root = phantom.write_dataset(tmp_path_factory.mktemp("data") / "ds", ("01", "02", "bad"))
    path = root / "sub-bad" / "anat" / "sub-bad_echo-2_part-phase_MEGRE.nii.gz"
    data = nib.load(path).get_fdata(dtype=np.float32)
    data[5, 5, 5] = np.nan
    phantom.write(path, data)
    return root


def run(dataset: Path, out: Path, *more: str) -> int:
    work = out.parent / "work"
    return main([str(dataset), str(out), "participant", "-w", str(work), *COMMON, *more])


@pytest.fixture(scope="module")
def finished(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    out = tmp_path_factory.mktemp("run") / "out"
    return out, run(dataset, out, "--method", "tkd")


def maps(out: Path, label: str) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((out / f"sub-{label}").rglob("*.nii.gz"))}


_COUNTED = """
import sys
from multiprocessing import forkserver
from qsmbids.cli.main import main
code = main(sys.argv[1:])
print("server:", forkserver._forkserver._forkserver_pid is not None)
sys.exit(code)
"""


@pytest.mark.parametrize(("label", "started"), [("01", False), ("bad", True)])
def test_workers_have_a_server_only_where_there_is_work(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path, label: str, started: bool
) -> None:
    shutil.copytree(finished[0].parent, tmp_path, dirs_exist_ok=True)
    out = tmp_path / finished[0].name
    command = [str(dataset), str(out), "participant", "-w", str(out.parent / "work"), *COMMON]
    command += ["--method", "tkd", "--participant-label", label]
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == int(started), done.stderr  # who is bad is tried anew, and fails
    assert f"server: {started}" in done.stdout


def test_good_series_are_done_beside_a_bad_one(finished: tuple[Path, int]) -> None:
    out, code = finished
    assert code == 1
    for label in ("01", "02"):
        assert set(maps(out, label)) == {
            f"sub-{label}_{end}.nii.gz"
            for end in (
                *("desc-brain_mask", "desc-eroded_mask", "desc-reliable_mask"),
                *("desc-tkd_Chimap", "magnitude"),
                *("desc-total_fieldmap", "desc-local_fieldmap", "R2starmap", "T2starmap", "S0map"),
            )
        }
        assert (out / "logs" / f"sub-{label}" / "CITATION.md").is_file()
    assert not maps(out, "bad")
    assert not list(out.glob("group*"))  # only the level of that name writes it


def test_the_failure_is_told_where_people_look(finished: tuple[Path, int]) -> None:
    out, _ = finished
    told = json.loads((out / "logs" / "sub-bad" / "sub-bad_error.json").read_text())
    assert told["message"].startswith("sub-bad_echo-2_part-phase_MEGRE.nii.gz ")
    assert "NaN" in told["message"]
    assert told["stage"] == "reading"
    assert "Traceback" in (out / told["crashfile"]).read_text()
    assert "NaN" in (out / "sub-bad.html").read_text()
    log = next(out.glob("logs/*_run.log")).read_text()
    assert "2 series done, 0 unchanged, 1 failed" in log


def test_the_map_shows_the_sources(finished: tuple[Path, int]) -> None:
    chi = nib.load(finished[0] / "sub-01/anat/sub-01_desc-tkd_Chimap.nii.gz").get_fdata()
    assert chi[16, 20, 19] > 0.05
    assert chi[25, 22, 18] < -0.03


def test_the_sidecar_tells_all_stages(finished: tuple[Path, int]) -> None:
    path = finished[0] / "sub-01/anat/sub-01_desc-tkd_Chimap.json"
    block = json.loads(path.read_text())["Qsmbids"]
    assert block["Method"] == "tkd"
    assert [stage["Name"] for stage in block["Stages"]] == [
        *("Reading", "Mask", "Total field", "Background", "Inversion")
    ]
    assert "threshold" in block["Parameters"]
    assert any("sign of the phase" in text for text in block["Warnings"])


def test_the_page_has_what_only_the_run_saw(finished: tuple[Path, int]) -> None:
    out, _ = finished
    logs = out / "logs" / "sub-01"
    page = (out / "sub-01.html").read_text()
    for name, title in (
        ("wrapped", "Wrapped phase"),
        ("unwrapped", "Unwrapped phase"),
        ("noise", "Noise map"),
        ("residual", "Residual of the phase fit"),
    ):
        assert (logs / f"sub-01_{name}.webp").read_bytes().startswith(b"RIFF")
        assert f"<h4>{title}</h4>" in page
    told = json.loads((logs / "run.json").read_text())
    assert (out / told["Log"]).is_file()
    assert told["Command"] in page.replace("&#39;", "'")
    sidecar = json.loads((out / "sub-01/anat/sub-01_desc-tkd_Chimap.json").read_text())
    assert sidecar["EchoTime"] == list(phantom.ECHO_TIMES)
    assert "at 3 T (echo times" in (logs / "CITATION.md").read_text()
    assert not (out / "logs" / "sub-bad" / "sub-bad_wrapped.webp").exists()


def test_the_output_is_valid_bids(dataset: Path, finished: tuple[Path, int]) -> None:
    assert main([str(dataset), str(finished[0]), "group"]) == 0
    validator = shutil.which("bids-validator-deno") or Path(sys.executable).with_name(
        "bids-validator-deno"
    )
    if not Path(validator).exists():
        pytest.skip("the BIDS validator is not installed")
    done = subprocess.run(
        [validator, finished[0], "--format", "json", "--ignoreWarnings"], capture_output=True
    )
    assert json.loads(done.stdout)["issues"]["issues"] == []


def test_a_second_run_computes_nothing(
    dataset: Path, finished: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = finished
    monkeypatch.setattr("qsmbids.workflows.process._process", _forbidden)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("sub-*") if path.is_file()}
    labels = ("--participant-label", "01", "02")
    assert run(dataset, out, "--method", "tkd", *labels) == 0
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("sub-*") if p.is_file()}


def _forbidden(*_: object) -> None:
    raise AssertionError("something is computed")


def test_another_option_recomputes_what_depends_on_it(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "copy"
    shutil.copytree(finished[0].parent, base)
    # A copy of the work directory has other paths: run once to settle, then change the option.
    run(dataset, base / "out", "--method", "tkd", "--participant-label", "01")
    first = maps(base / "out", "01")
    capsys.readouterr()
    more = ("--option", "tkd.threshold=0.3", "--participant-label", "01", "-v")
    assert run(dataset, base / "out", "--method", "tkd", *more) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "sub-01: inversion (tkd): unchanged" not in lines
    second = maps(base / "out", "01")
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"sub-01_desc-tkd_Chimap.nii.gz"}


def test_a_work_folder_of_other_code_with_the_same_version_is_computed_anew(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path
) -> None:
    package = tmp_path / "earlier" / "qsmbids"
    shutil.copytree(
        Path(qsmbids.__file__).parent, package, ignore=lambda _, names: {"data"} & {*names}
    )
    (package / "data").symlink_to(Path(qsmbids.__file__).parent / "data")
    stage = package / "inversion" / "tkd.py"
    text = stage.read_text()
    stage.write_text(text.replace("(problem.field,", "(2 * problem.field,"))
    assert stage.read_text() != text
    command = [str(dataset), str(tmp_path / "first"), "participant", "-w", str(tmp_path / "work")]
    command += [*COMMON, "--method", "tkd", "--participant-label", "01"]
    subprocess.run(
        [sys.executable, "-m", "qsmbids", *command],
        check=True,
        cwd=package.parent,
        capture_output=True,
    )
    assert main([*command[:1], str(tmp_path / "second"), *command[2:]]) == 0
    name = "sub-01_desc-tkd_Chimap.nii.gz"
    first, second = (maps(tmp_path / one, "01")[name] for one in ("first", "second"))
    assert first != second == maps(finished[0], "01")[name]


def test_echoes_leave_the_work_folder_and_another_method_reads_them_anew(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--method", "tkd", "--participant-label", "02", "-v")
    assert run(dataset, tmp_path / "out", *more) == 0
    folder = tmp_path / "work/qsmbids/sub_02/stages"
    assert not [*folder.rglob("phase-*.npy"), *folder.rglob("magnitude-*.npy")]
    capsys.readouterr()
    assert run(dataset, tmp_path / "out", *more, "--method", "tkd", "tikhonov") == 0
    lines = capsys.readouterr().out.splitlines()
    again = {line for line in lines if "sub-02: " in line and "writing" not in line}
    unchanged = {line.split(": ")[1] for line in again if line.endswith("unchanged")}
    assert {"total field", "R2* and T2*", "background removal"} <= unchanged
    assert maps(tmp_path / "out", "02").items() > maps(finished[0], "02").items()
    assert not [*folder.rglob("phase-*.npy")]


def test_a_killed_run_resumes_to_the_same_bytes(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path
) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    command = [
        *(sys.executable, "-m", "qsmbids", str(dataset), str(out), "participant", "-w", str(work)),
        *(*COMMON, "--method", "tkd", "--participant-label", "01"),
    ]
    for stage in ("reading", "mapping", "background"):
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
        _wait_for(lambda s=stage, p=process: list(work.rglob(f"result_{s}.pklz")) or p.poll() == 0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert run(dataset, out, "--method", "tkd", "--participant-label", "01") == 0
    assert maps(out, "01") == maps(finished[0], "01")
    assert not list(out.rglob("*.part"))


def _wait_for(ready: Callable[[], object], limit: float = 120) -> None:
    end = time.monotonic() + limit
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_workers_end_with_their_parent(dataset: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    command = [
        *(sys.executable, "-m", "qsmbids", str(dataset), str(tmp_path / "out"), "participant"),
        *("-w", str(tmp_path / "work"), *COMMON, "--participant-label", "01"),
    ]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    _wait_for(lambda: list((tmp_path / "work").rglob("_inputs.pklz")))
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_the_number_of_threads_does_not_matter(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path
) -> None:
    more = ("--participant-label", "01", "--method", "tkd", "--omp-nthreads", "2")
    assert run(dataset, tmp_path / "out", *more) == 0
    assert maps(tmp_path / "out", "01") == maps(finished[0], "01")


def test_clean_workdir_leaves_nothing_and_is_still_done(dataset: Path, tmp_path: Path) -> None:
    more = ("--participant-label", "01", "--method", "tkd")
    assert run(dataset, tmp_path / "out", "--clean-workdir", *more) == 0
    assert not (tmp_path / "work" / "qsmbids" / "sub_01").exists()
    assert len(list((tmp_path / "out").glob("sub-01.html"))) == 1


def test_stopping_at_the_first_failure(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--participant-label", "bad", "--method", "tkd", "--stop-on-first-crash")
    assert run(dataset, tmp_path / "out", *more) == 1
    shown = capsys.readouterr().err
    assert "NaN" in shown
    assert "Traceback" not in shown
    assert "NaN" in (tmp_path / "out" / "sub-bad.html").read_text()


def test_another_nipype_plugin(dataset: Path, finished: tuple[Path, int], tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.yml"
    plugin.write_text("plugin: Linear\n")
    more = ("--use-plugin", str(plugin), "--method", "tkd", "--participant-label", "01", "bad")
    assert run(dataset, tmp_path / "out", *more) == 1
    name = "sub-01/anat/sub-01_desc-tkd_Chimap.nii.gz"
    ours, theirs = (nib.load(out / name).get_fdata() for out in (finished[0], tmp_path / "out"))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    told = json.loads((tmp_path / "out/logs/sub-bad/sub-bad_error.json").read_text())
    assert "NaN" in told["message"]


def test_an_unknown_plugin_is_a_usage_error(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "plugin.yml"
    plugin.write_text("plugin: Nonesuch\n")
    assert run(dataset, tmp_path / "out", "--use-plugin", str(plugin)) == 2
    assert "no plugin Nonesuch" in capsys.readouterr().err


def test_a_dry_run_touches_nothing(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(dataset, tmp_path / "out", "--dry-run", "--participant-label", "01") == 0
    text = capsys.readouterr().out
    assert f"sub-01_desc-{desc_label(DEFAULT)}_Chimap.nii.gz" in text
    assert "best-path unwrapping, linear fit" in text
    assert "1 series to process" in text
    assert "dcnet-tv (weights=dcnet, second=qsminvnet+, share=0.5, trust=0.0," in text
    assert list(tmp_path.iterdir()) == []


def test_reports_texts_and_table(
    dataset: Path, finished: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = finished
    page = out / "sub-01.html"
    page.unlink()
    assert run(dataset, out, "--reports-only", "--participant-label", "01") == 0
    assert page.is_file()
    assert run(dataset, out, "--boilerplate-only", "--participant-label", "02") == 0
    assert "total-variation" in capsys.readouterr().out
    assert main([str(dataset), str(out), "group"]) == 0
    rows = (out / "group.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows[1:]] == ["sub-01", "sub-02", "sub-bad"]


def test_who_is_missing_is_named_a_line_each(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = finished
    capsys.readouterr()
    assert run(dataset, out, "--method", "tkd", "--dry-run", "--missing") == 0
    assert capsys.readouterr().out == "bad\n"
    assert run(dataset, tmp_path / "out", "--method", "tkd", "--dry-run", "--missing") == 0
    assert capsys.readouterr().out == "01\n02\nbad\n"
    assert list(tmp_path.iterdir()) == []


def test_a_methods_text_alone_is_no_result(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(dataset, out, "--boilerplate-only") == 0
    assert (out / "dataset_description.json").is_file()
    assert run(dataset, out, "--reports-only") == 1
    assert "holds no results" in capsys.readouterr().err


def test_an_unknown_participant(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(dataset, tmp_path / "out", "--participant-label", "99") in (1, 2)
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert "sub-99" in shown[0]


def test_an_output_that_cannot_be_written(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run(dataset, tmp_path / "file" / "out", "--participant-label", "01") == 1
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert "cannot be written to" in shown[0]


def test_a_full_disk_is_foreseen(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    assert run(dataset, tmp_path / "out", "--participant-label", "01") == 1
    assert "GB free and the run needs about" in capsys.readouterr().err


@pytest.mark.parametrize("start", ["local-field", "total-field"])
def test_fields_of_another_run_are_starting_points(
    dataset: Path, finished: tuple[Path, int], tmp_path: Path, start: str
) -> None:
    more = ("--start", start, "-d", f"qsm={finished[0]}", "--participant-label", "01")
    assert run(dataset, tmp_path / "out", "--method", "tkd", *more) == 0
    made = maps(tmp_path / "out", "01")
    assert ("sub-01_desc-local_fieldmap.nii.gz" in made) == (start == "total-field")
    name = "sub-01/anat/sub-01_desc-tkd_Chimap.nii.gz"
    ours, theirs = (nib.load(out / name).get_fdata() for out in (tmp_path / "out", finished[0]))
    if start == "local-field":
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert ours[16, 20, 19] > 0.1


def test_a_derivative_mask_is_used_and_an_empty_one_refused(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = tmp_path / "masks"
    path = masks / "sub-01" / "anat" / "sub-01_desc-brain_mask.nii.gz"
    mask = np.zeros(phantom.SHAPE, np.uint8)
    phantom.write(path, mask)
    write_derivatives(masks)
    work = ("-w", str(tmp_path / "work"), "--nprocs", "2", "--skip-bids-validation")
    command = [str(dataset), str(tmp_path / "out"), "participant", *work, "-d", f"m={masks}"]
    command += ["--participant-label", "01", "--method", "tkd"]
    assert main(command) == 1
    shown = capsys.readouterr().err
    assert "sub-01_desc-brain_mask.nii.gz is empty" in shown
    mask[12:28, 13:29, 11:27] = 1
    phantom.write(path, mask)
    assert main(command) == 0
    assert not (tmp_path / "out" / "logs" / "sub-01" / "sub-01_error.json").exists()
    used = nib.load(tmp_path / "out" / "sub-01" / "anat" / "sub-01_desc-brain_mask.nii.gz")
    np.testing.assert_array_equal(used.get_fdata(), mask)

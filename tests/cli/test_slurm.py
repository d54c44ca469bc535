"""The script for Slurm: what it asks for, and what it submits to one that only takes notes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bids_tree import add_series, write_description, write_image

from qsmbids.cli.main import main

SBATCH = """\
#!/bin/bash
echo "$*" >> "$NOTES"
id=$(wc -l < "$NOTES")
[[ "$*" == *--parsable* ]] && echo "$id" || echo "Submitted batch job $id"
"""
SCONTROL = "#!/bin/bash\necho 'MaxArraySize            = 3'\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = write_description(tmp_path / "a study")
    for label in ("01", "02", "a+b"):
        add_series(root, f"sub-{label}")
    return root


def write(dataset: Path, *more: str) -> str:
    """Write a script and return its text."""
    script = dataset.parent / "run.sh"
    command = ["slurm", str(dataset), str(dataset.parent / "out"), "--script", str(script), *more]
    assert main(command) == 0
    return script.read_text()


def test_options_and_the_model_of_memory(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--partition", "long", "--cpus", "4", "--sbatch=--account=brain", "--at-once", "9"]
    text = write(dataset, *more, "--", "--method", "tkd", "tv")
    assert "resources=(--partition=long --account=brain --cpus-per-task=4 --mem=" in text
    assert "--time" not in text  # nothing is known of it
    assert "model of memory" in text
    assert "options=(--method tkd tv)" in text
    assert "at_once=%9" in text
    assert f"bids='{dataset}'" in text
    assert "Next: bash" in capsys.readouterr().out


def test_memory_and_time_are_those_of_participants_who_are_done(dataset: Path) -> None:
    for label, peak, seconds in (("01", 1000, 100.0), ("02", 3000, 600.0)):
        stages = [
            {"Name": "Mask", "PeakMemoryMB": 500, "Seconds": 10.0},
            {"Name": "Inversion", "PeakMemoryMB": peak, "Seconds": seconds},
        ]
        path = dataset.parent / f"out/sub-{label}/anat/sub-{label}_desc-tkd_Chimap.nii.gz"
        write_image(path, meta={"Qsmbids": {"Stages": stages}})
    text = write(dataset, "--cpus", "1", "--", "--method", "tkd")
    assert "--mem=4600M" in text  # 1.3 (3.0 + 0.5) GB
    assert "--time=00:15:00" in text  # 1.3 * 610 s and a minute
    assert "--mem=5200M" in write(dataset, "--cpus", "2")  # two stages side by side
    given = write(dataset, "--mem", "2GB", "--time", "1:00:00")
    assert "--mem=2000M --time=1:00:00" in given


def test_exactly_what_is_missing_is_submitted(dataset: Path, tmp_path: Path) -> None:
    write(dataset, "--mem", "2GB", "--time", "9", "--command", f"{sys.executable} -m qsmbids")
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    notes, logs = tmp_path / "notes", tmp_path / "out/logs/slurm"
    notes.touch()
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(tmp_path / "run.sh")],
        env={**os.environ, "PATH": path, "NOTES": str(notes)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("3 participants to process, in job 1 2; ")
    (labels,) = logs.glob("*_missing.txt")
    assert labels.read_text() == "01\n02\na+b\n"
    first, second, group = notes.read_text().splitlines()
    assert "--array=1-2 " in first  # no array is larger than the cluster takes
    assert first.endswith(f"participant {labels} 0")
    assert "--array=1-1 " in second
    assert second.endswith(f"participant {labels} 2")
    assert group.startswith("--dependency=afterany:1:2 ")
    assert group.endswith("run.sh group")


def test_a_task_takes_its_participant(dataset: Path, tmp_path: Path) -> None:
    write(dataset, "--mem", "2GB", "--time", "9", "--command", "echo", "--", "--method", "tkd")
    labels = tmp_path / "labels"
    labels.write_text("01\n02\na+b\n")
    env = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_CPUS_PER_TASK": "2", "SLURM_MEM_PER_NODE": "2000"}
    done = subprocess.run(
        ["bash", str(tmp_path / "run.sh"), "participant", str(labels), "2"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    told = "participant --method tkd --participant-label a+b --nprocs 2 --mem 1800MB -w"
    assert told in done.stdout


def test_another_file_is_not_overwritten(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/bash\nrm -rf precious\n")
    command = ["slurm", str(dataset), str(tmp_path / "out"), "--script", str(tmp_path / "run.sh")]
    assert main(command) == 2
    assert "precious" in (tmp_path / "run.sh").read_text()


def test_options_are_checked_when_the_script_is_written(dataset: Path) -> None:
    command = ["slurm", str(dataset), str(dataset.parent / "out"), "--", "--missing"]
    with pytest.raises(SystemExit):
        main([*command[:-1], "--no-such-option"])
    assert main([*command[:-1], "--option", "tv.no=1"]) == 2

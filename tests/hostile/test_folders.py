"""Folders in which others, or runs that were killed, have left something."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import phantom
import pytest
from bids_tree import settings_for

from qsmbids.bids.find import find_series
from qsmbids.cli.main import main
from qsmbids.errors import InputError, UsageError
from qsmbids.files import own_folder, remove_parts, whole_file


class Planted:
    """A pickle that leaves a file behind when it is read."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.trace,)


def run(root: Path, out: Path, work: Path) -> int:
    where = map(str, (root, out, "participant", "-w", work))
    how = ("--brain-extraction", "none", "--skip-bids-validation", "--method", "tkd")
    return main([*where, *how, "--nprocs", "1"])


def test_pickles_planted_in_the_work_folder_are_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out, work = phantom.write_dataset(tmp_path / "ds"), tmp_path / "out", tmp_path / "work"
    assert run(root, out, work) == 0
    own = work / "qsmbids"
    assert own.stat().st_mode & 0o777 == 0o700
    results = sorted(own.rglob("result_*.pklz"))
    assert results
    for path in results:
        path.write_bytes(pickle.dumps(Planted(tmp_path / "run")))
    for path in out.rglob("*_Chimap.nii.gz"):
        path.unlink()
    own.chmod(0o777)
    capsys.readouterr()
    assert run(root, out, work) == 1
    told = capsys.readouterr().err
    assert "may be written to by others" in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(InputError, match=r"no folder.*choose another"):
            own_folder(tmp_path / name)
    own_folder(tmp_path / "new/own")
    own_folder(tmp_path / "new/own")
    if os.geteuid() == 0:  # only root can give a folder away
        os.chown(tmp_path / "new/own", 12345, -1)
        with pytest.raises(InputError, match="another user's"):
            own_folder(tmp_path / "new/own")


def test_what_a_killed_run_was_writing_is_removed(tmp_path: Path) -> None:
    root, out = phantom.write_dataset(tmp_path / "ds"), tmp_path / "out"
    script = (
        "import os, sys; from pathlib import Path; from qsmbids.files import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as stream: stream.write(b'half'); os._exit(9)"
    )
    for place in (out / "sub-01/anat/a.nii.gz", tmp_path / "work/qsmbids/sub_01/stages/b.npy"):
        assert subprocess.run([sys.executable, "-c", script, place], check=False).returncode == 9
        (left,) = place.parent.iterdir()
        assert left.suffix == ".part"
    (tmp_path / "work/qsmbids").chmod(0o700)
    assert run(root, out, tmp_path / "work") == 0
    assert not list(tmp_path.rglob(".*.part"))


def test_only_parts_are_removed(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a/whole.part") as stream:
        stream.write(b"all")
    remove_parts(tmp_path)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["whole.part"]


def test_a_configuration_that_lies_about_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "nipype.cfg").write_text("[execution]\nremove_node_directories = true\n")
    script = (
        "from pathlib import Path; from nipype import config\n"
        "from qsmbids.settings import Settings; from qsmbids.workflows.run import _configure\n"
        "_configure(Settings(Path('a'), Path('b'), Path('c')))\n"
        "print(config.get('execution', 'remove_node_directories'))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == "false"


def test_nothing_is_written_beside_a_database_folder(tmp_path: Path) -> None:
    root = phantom.write_dataset(tmp_path / "ds")
    derivatives = phantom.write_dataset(tmp_path / "made")
    settings = settings_for(
        root, derivatives={"../../evil": derivatives}, database_dir=tmp_path / "a/b/database"
    )
    with pytest.raises(UsageError, match="without slashes"):
        find_series(settings)
    assert not (tmp_path / "a/evil").exists()

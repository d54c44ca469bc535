"""What a release is made of."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import qsmbids
from qsmbids import __version__
from release.build import build, normalise

ROOT = Path(__file__).resolve().parents[2]


def archive(path: Path, names: list[str], time: int, owner: str) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.uname, entry.mode = 3, time, owner, 0o640
            tar.addfile(entry, io.BytesIO(b"abc"))
    return path


def test_an_archive_tells_of_its_files_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    one = archive(tmp_path / "a" / "x.tar.gz", ["p/a", "p/b"], 5, "somebody")
    two = archive(tmp_path / "y.tar.gz", ["p/b", "p/a"], 9, "another")
    assert one.read_bytes() != two.read_bytes()
    for path in (one, two):
        normalise(path, 1234)
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as tar:
        assert [(m.name, m.mtime, m.mode) for m in tar] == [
            ("p/a", 1234, 0o644),
            ("p/b", 1234, 0o644),
        ]


def test_every_file_that_states_the_version_states_this_one() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    described = json.loads((ROOT / "codemeta.json").read_text("utf-8"))
    assert cited["version"] == described["version"] == __version__
    assert cited["license"] == "Apache-2.0" == Path(described["license"]).name


def test_licences_stand_beside_what_others_made() -> None:
    data = Path(qsmbids.__file__).parent / "data"
    others = {path.parent for path in data.rglob("LICENSE*")}
    assert {folder.name for folder in others} == {"atlas", "heads", "niivue", "weights"}
    told = (data / "heads" / "LICENSES.md").read_text("utf-8")
    for path in (data / "heads").iterdir():
        if path.name.startswith("LICENSE-"):
            assert f"`{path.name}`" in told
        elif path.name.endswith(".nii.gz"):
            assert f"`{path.name.replace('_image', '')}`" in told
    for script in (ROOT / "tests" / "data").rglob("*.min.js"):
        assert (script.parent / "LICENSE").is_file()


@pytest.mark.slow
def test_wheel_and_archive_hold_all_that_is_tracked(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    made = {path.suffix: path for path in build(tmp_path)}
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-tree", "-r", "--name-only", "HEAD"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    ).stdout.splitlines()
    with zipfile.ZipFile(made[".whl"]) as wheel:
        names = wheel.namelist()
    assert {name for name in listed if name.startswith("qsmbids/")} <= set(names)
    licences = {name for name in listed if re.match(r"(qsmbids/.*/)?LICENSE", name)}
    assert {name.partition("dist-info/licenses/")[2] for name in names} - {""} == licences
    with tarfile.open(made[".gz"]) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    left_out = {name.partition("/")[0] for name in set(listed) - inside}
    assert left_out <= {".ci", ".github", ".gitignore", ".pre-commit-config.yaml"}

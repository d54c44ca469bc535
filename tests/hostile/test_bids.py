"""Files that are damaged, forged or no files: each costs its own series, in one sentence."""

from __future__ import annotations

import gzip
import os
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bids_tree import add_series, settings_for, write_description

from qsmbids.bids.find import find_series
from qsmbids.errors import InputError

STEM = "sub-01_echo-1_part-phase_MEGRE"
HANGS = 30  # s


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """End a test that waits for a pipe."""
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(HANGS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _give_up(*_: object) -> None:
    raise TimeoutError("waited in vain")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    root = write_description(tmp_path / "raw")
    for label in ("sub-01", "sub-02"):
        add_series(root, label)
    return root


def meta(text: str) -> Callable[[Path], None]:
    """Return what writes a text into all of the series' sidecars."""

    def write(folder: Path) -> None:
        for path in folder.glob("*.json"):
            path.write_text(text)

    return write


def header(offset: int, kind: str, *values: float) -> Callable[[Path], None]:
    """Return what forges a field of an image's header."""

    def write(folder: Path) -> None:
        path = folder / f"{STEM}.nii.gz"
        content = bytearray(gzip.decompress(path.read_bytes()))
        struct.pack_into(kind, content, offset, *values)
        path.write_bytes(gzip.compress(bytes(content)))

    return write


def forged_length(folder: Path) -> None:
    """Promise what no file of that size can hold, and give the length modulo 4 GiB that fits."""
    header(40, "<8h", 3, 2048, 2048, 2048, 1, 1, 1, 1)(folder)  # 32 GiB of float32
    path = folder / f"{STEM}.nii.gz"
    path.write_bytes(path.read_bytes()[:-4] + struct.pack("<I", 352))


def pipe(ending: str) -> Callable[[Path], None]:
    """Return what puts a pipe in a file's place."""

    def make(folder: Path) -> None:
        path = folder / f"{STEM}{ending}"
        path.unlink()
        os.mkfifo(path)

    return make


def device(folder: Path) -> None:
    path = folder / f"{STEM}.json"
    path.unlink()
    path.symlink_to("/dev/zero")


def renumber(folder: Path) -> None:
    for path in list(folder.glob("*_echo-1_*")):
        path.rename(path.with_name(path.name.replace("echo-1_", f"echo-{'9' * 200}_")))


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (meta(f'{{"EchoTime": {"9" * 400}, "MagneticFieldStrength": 3}}'), "EchoTime is missing"),
        (meta(f'{{"EchoTime": {"9" * 5000}}}'), "is unreadable"),
        (meta('{"EchoTime": ' + "[" * 1_000_000), "nested too deeply"),
        (header(108, "<f", float("inf")), "cannot be read"),
        (header(108, "<f", float("nan")), "cannot be read"),
        (header(40, "<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1), "truncated"),
        (forged_length, "truncated"),
        (renumber, "has no echo 1"),
        (pipe(".nii.gz"), "pipe or device"),
        (pipe(".json"), "pipe or device"),
        (device, "pipe or device"),
    ],
)
def test_it_costs_its_own_series(raw: Path, act: Callable[[Path], None], why: str) -> None:
    act(raw / "sub-01" / "anat")
    found = find_series(settings_for(raw))
    assert [series.key for series in found.series] == ["sub-02"]
    (skipped,) = found.skipped
    assert why in skipped.reason
    assert len(skipped.reason.splitlines()) == 1


def test_a_pipe_as_the_description_of_the_dataset_is_refused(raw: Path) -> None:
    path = raw / "dataset_description.json"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="pipe or device"):
        find_series(settings_for(raw))


def test_a_dot_within_a_name_is_told(raw: Path) -> None:
    add_series(raw, "sub-01_acq-a")
    for path in (raw / "sub-01" / "anat").glob("*_acq-a_*"):
        path.rename(path.with_name(path.name.replace("acq-a", "acq-a.b")))
    found = find_series(settings_for(raw))
    assert [series.key for series in found.series] == ["sub-01", "sub-02"]
    (skipped,) = found.skipped
    assert (skipped.key, skipped.participant) == ("sub-01_acq-a.b", "01")
    assert "has a dot within its name" in skipped.reason

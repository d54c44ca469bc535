"""A run of a small participant that something happens to, and what must hold afterwards."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import phantom
import psutil

from qsmbids.workflows.ending import SIGNALS

_WAIT = 300  # s after which a run counts as hanging, on a machine that is busy
_OPTIONS = (
    *("--brain-extraction", "none", "--skip-bids-validation", "--method", "tkd"),
    *("--nprocs", "2", "--mem", "2GB"),
)


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, negative for a signal, and what it said of errors."""

    code: int
    errors: str


class Scene:
    """Folders of one run, beside those of a run that nothing happened to.

    Parameters
    ----------
    folder : Path
        Where input, output and work go.
    expected : mapping of str to bytes, optional
        The images of the undisturbed run; without it this is to be that run.
    """

    def __init__(self, folder: Path, expected: dict[str, bytes] | None = None):
        self.root = phantom.write_dataset(folder / "bids")
        self.out, self.work = folder / "out", folder / "work"
        self.expected = expected or {}

    @property
    def image(self) -> Path:
        """One of the input's images."""
        return self.root / "sub-01/anat/sub-01_echo-2_part-phase_MEGRE.nii.gz"

    @property
    def locks(self) -> list[Path]:
        """The locks of the participant, in the output and in the work folder."""
        return [self.out / "logs/sub-01/sub-01.lock", self.work / "sub-01.lock"]

    def start(self, limit: Callable[[], object] | None = None) -> subprocess.Popen[str]:
        """Start a run in a session of its own; ``limit`` is called in the new process."""

        def prepare() -> None:
            for number in SIGNALS:  # a shell has its background ignore some
                signal.signal(number, signal.SIG_DFL)
            if limit is not None:
                limit()

        words = [*map(str, (self.root, self.out)), "participant", "-w", str(self.work)]
        return subprocess.Popen(
            [sys.executable, "-m", "qsmbids", *words, *_OPTIONS],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
        )

    def run(self, limit: Callable[[], object] | None = None) -> Ended:
        """Run to the end."""
        return ended(self.start(limit))

    def wait_for(self, process: subprocess.Popen[str], stage: str) -> bool:
        """Wait until a stage of a participant has ended; False if the run ended before."""
        return wait(
            lambda: list(self.work.rglob(f"result_{stage}.pklz")), process, "a stage's result"
        )

    def stages(self) -> list[str]:
        """Return the names of the stages whose results stand in the work folder, as they ended."""
        found = sorted(self.work.rglob("result_*.pklz"), key=lambda path: path.stat().st_mtime)
        return list(dict.fromkeys(p.name.removeprefix("result_").split(".")[0] for p in found))

    def images(self) -> dict[str, bytes]:
        """Return the content of the images in the output folder, by their names."""
        return {path.name: path.read_bytes() for path in sorted(self.out.rglob("*.nii.gz"))}

    def assert_sound(self) -> None:
        """Assert that what stands under an image's name is whole and finite."""
        for name, content in self.images().items():
            image = nib.Nifti1Image.from_bytes(gzip.decompress(content))
            assert np.isfinite(np.asarray(image.dataobj)).all(), name

    def assert_recovers(self) -> None:
        """Assert that the same command makes the same bytes as if nothing had happened."""
        self.assert_sound()
        after = self.run()
        assert after.code == 0, after
        made = self.images()
        assert made.keys() == self.expected.keys(), made.keys() ^ self.expected.keys()
        other = [name for name in made if made[name] != self.expected[name]]
        assert not other, f"other bytes: {other}"
        folders, endings = (self.out, self.work), (".*.part", "*.lock")
        left = [path for folder in folders for end in endings for path in folder.rglob(end)]
        assert not left, f"left behind: {left}"


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for a run; assert that it does not hang, leaves no process, and speaks to its user."""
    children = _children(process)
    try:
        _, errors = process.communicate(timeout=_WAIT)
    except subprocess.TimeoutExpired:
        kill(process)
        raise AssertionError("the run hangs") from None
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive, "processes are left"
    assert "Traceback" not in errors, errors
    assert "unforeseen" not in errors, errors
    if process.returncode > 0:
        assert errors.strip(), "nothing was said"
    return Ended(process.returncode, errors)


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Send a signal to a run and all that it has started."""
    for one in [*_children(process), psutil.Process(process.pid)]:
        try:
            one.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes in which a run computes."""
    return [one for one in _children(process) if one.children() == [] and one.num_threads() > 1]


def _children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait(ready: Callable[[], object], process: subprocess.Popen[str], what: str) -> bool:
    """Wait until something is so; False if the run ended before it was."""
    end = time.monotonic() + _WAIT
    while not ready():
        if process.poll() is not None:
            return False
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)
    return True


def limits(**sizes: int) -> Callable[[], None]:
    """Return what sets limits of a process by their names, such as ``FSIZE`` in bytes."""

    def apply() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error to be told, as of a full disk
        for name, size in sizes.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (size, size))

    return apply


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a file system in memory on a folder; only root can."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def is_root() -> bool:
    """Tell whether file systems can be mounted."""
    return os.geteuid() == 0

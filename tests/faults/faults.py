"""What may happen to a run. Each fault asserts that the run ends well or says why it does not, that
no half of a file passes for one, and that the same command then makes the same bytes.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

from qsmbids.workflows import locks
from qsmbids.workflows.ending import SIGNALS
from tests.faults.scene import Scene, ended, is_root, kill, limits, mounted, wait, workers

Fault = Callable[[Scene], None]
STAGES = (
    *("reading", "masking", "decay", "mapping", "background", "inversion_tkd"),
    *("write_mask", "write_reliability", "write_field", "write_background", "write_decay"),
    *("write_chi_tkd", "write_quality"),
)
"""All stages of a run; a test sees to it that none is missing."""


def killed(stage: str, number: int = signal.SIGKILL) -> Fault:
    """Return: everything is killed when a stage has just ended."""

    def fault(scene: Scene) -> None:
        process = scene.start()
        scene.wait_for(process, stage)
        kill(process, number)
        process.communicate()
        scene.assert_recovers()

    return fault


def asked_to_end(number: int) -> Fault:
    """Return: the run alone gets a signal that it can catch, and lets go of its locks."""

    def fault(scene: Scene) -> None:
        process = scene.start()
        assert scene.wait_for(process, "reading")
        process.send_signal(number)
        told = ended(process)
        assert told.code == 130, told
        assert not [path for path in scene.locks if path.exists()], "a lock is left"
        scene.assert_recovers()

    return fault


def worker_killed(scene: Scene) -> None:
    """A process that computes is killed, as by a system that runs out of memory."""
    process = scene.start()
    assert scene.wait_for(process, "reading")
    for worker in workers(process):
        worker.kill()
    assert ended(process).code in (0, 1)
    scene.assert_recovers()


def file_limit(kilobytes: int) -> Fault:
    """Return: no file can grow beyond a size, as with a quota."""

    def fault(scene: Scene) -> None:
        assert scene.run(limits(FSIZE=kilobytes << 10)).code == 1
        scene.assert_recovers()

    return fault


def disk_full(which: str, kilobytes: int) -> Fault:
    """Return: the disk with the output, or that with the work folder, is full."""

    def fault(scene: Scene) -> None:
        folder = getattr(scene, which)
        with mounted(folder, f"size={kilobytes}k,mode=700"):
            told = scene.run()
            scene.assert_sound()
        assert told.code == 1
        assert "space" in told.errors, told.errors
        scene.assert_recovers()

    return fault


def memory_limit(megabytes: int) -> Fault:
    """Return: a process gets no more memory than that."""

    def fault(scene: Scene) -> None:
        assert scene.run(limits(AS=megabytes << 20)).code in (0, 1)
        scene.assert_recovers()

    return fault


def read_only(which: str) -> Fault:
    """Return: the output or the work folder cannot be written to."""

    def fault(scene: Scene) -> None:
        folder = getattr(scene, which)
        with mounted(folder, "ro,size=100k"):
            told = scene.run()
        assert told.code in (1, 2)
        assert str(folder) in told.errors
        scene.assert_recovers()

    return fault


def input_removed(stage: str | None) -> Fault:
    """Return: an image of the input is gone when a stage has ended, or before all; it returns."""

    def fault(scene: Scene) -> None:
        content = scene.image.read_bytes()
        if stage is None:
            scene.image.unlink()
            told = scene.run()
        else:
            process = scene.start()
            assert scene.wait_for(process, stage)
            scene.image.unlink()
            told = ended(process)
        assert told.code == 1
        assert "sub-01" in told.errors
        scene.image.write_bytes(content)
        scene.assert_recovers()

    return fault


def input_cut(scene: Scene) -> None:
    """Half of an image is there, as while it is copied; then all of it."""
    content = scene.image.read_bytes()
    scene.image.write_bytes(content[: len(content) // 2])
    told = scene.run()
    assert told.code == 1
    assert scene.image.name in told.errors
    scene.image.write_bytes(content)
    scene.assert_recovers()


def _lock(scene: Scene, age: float, **changes: object) -> None:
    owner = locks._myself()._replace(**changes)._asdict()  # type: ignore[arg-type]
    path = scene.locks[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name.title(): value for name, value in owner.items()}))
    os.utime(path, (time.time() - age,) * 2)


def stale_lock(scene: Scene) -> None:
    """The lock of a process that is gone, and whose number another has."""
    _lock(scene, 1, started=1)
    scene.assert_recovers()


def foreign_lock(scene: Scene) -> None:
    """The lock of a run on another machine: refused while it may live, not for ever."""
    _lock(scene, 1, host="another")
    told = scene.run()
    assert told.code == 1
    assert "another run" in told.errors
    _lock_aged = scene.locks[0]
    os.utime(_lock_aged, (time.time() - 2 * locks.FORGOTTEN,) * 2)
    scene.assert_recovers()


def empty_lock(scene: Scene) -> None:
    """The lock of a run that was killed while it wrote it."""
    scene.locks[0].parent.mkdir(parents=True)
    scene.locks[0].touch()
    os.utime(scene.locks[0], (time.time() - 2 * locks.FORGOTTEN,) * 2)
    scene.assert_recovers()


def suspended(stage: str) -> Fault:
    """Return: the run is stopped for a while; another is refused meanwhile; it then goes on."""

    def fault(scene: Scene) -> None:
        process = scene.start()
        assert scene.wait_for(process, stage)
        kill(process, signal.SIGSTOP)
        told = scene.run()
        kill(process, signal.SIGCONT)
        assert told.code == 1
        assert "another run" in told.errors
        assert ended(process).code == 0
        scene.assert_recovers()

    return fault


def side_by_side(scene: Scene) -> None:
    """The same command twice at once: one does it, the other is refused or finds it done."""
    first = scene.start()
    wait(lambda: scene.locks[0].exists(), first, "a lock")
    second = scene.run()
    assert ended(first).code == 0
    assert second.code == 1
    assert "another run" in second.errors
    scene.assert_recovers()


def work_folder_lost(scene: Scene) -> None:
    """The work folder is removed while the run goes on."""
    process = scene.start()
    assert scene.wait_for(process, "mapping")
    moved = scene.work.with_name("moved")
    scene.work.rename(moved)
    assert ended(process).code in (0, 1)
    scene.assert_recovers()


def left_behind(scene: Scene) -> None:
    """A run was killed when all was done but to tidy up."""
    assert scene.run().code == 0
    _lock(scene, 1, started=1)
    for folder in (scene.out, scene.out / "sub-01/anat", scene.out / "logs/sub-01"):
        (folder / ".sub-01.html.x.part").touch()
    scene.assert_recovers()


FAULTS: dict[str, Fault] = {
    **{f"killed after {stage}": killed(stage) for stage in STAGES},
    **{f"{number.name}": asked_to_end(number) for number in SIGNALS},
    "worker killed": worker_killed,
    **{f"files of {size} kB at most": file_limit(size) for size in (1, 100, 300)},
    **{f"memory of {size} MB": memory_limit(size) for size in (150, 300, 500, 700, 900)},
    "input removed before": input_removed(None),
    "input removed after reading": input_removed("reading"),
    "input removed after inversion": input_removed("inversion_tkd"),
    "input half copied": input_cut,
    "lock of a process that is gone": stale_lock,
    "lock of another machine": foreign_lock,
    "lock that is empty": empty_lock,
    "suspended after reading": suspended("reading"),
    "suspended after inversion": suspended("inversion_tkd"),
    "killed when all was done": left_behind,
    "twice at once": side_by_side,
    "work folder removed": work_folder_lost,
}
"""By name."""
_DISKS: dict[str, Fault] = {
    **{f"output disk of {size} kB": disk_full("out", size) for size in (40, 400, 800)},
    **{f"work disk of {size} kB": disk_full("work", size) for size in (40, 1000, 3000)},
    "output read-only": read_only("out"),
    "work folder read-only": read_only("work"),
}
if is_root():  # only root can mount
    FAULTS |= _DISKS

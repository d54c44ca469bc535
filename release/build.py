"""Build the wheel and the source archive of the last commit, with the same bytes each time.

    python -m release.build [FOLDER]

Nothing that is not committed gets in. Times are those of the commit.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def commit_time(root: Path = ROOT) -> int:
    """Return the time of the last commit in seconds since 1970."""
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def export(folder: Path, root: Path = ROOT) -> None:
    """Write the files of the last commit into a folder."""
    archive = folder.with_suffix(".tar")
    subprocess.run(["git", "-C", str(root), "archive", "-o", str(archive), "HEAD"], check=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()


def normalise(archive: Path, time: int) -> None:
    """Rewrite a ``.tar.gz`` so that it tells of its files alone, not of when and where it was made.

    Parameters
    ----------
    archive : Path
        Rewritten in place.
    time : int
        Seconds since 1970, for all of its entries.
    """
    rewritten = archive.with_suffix(".new")
    with (
        tarfile.open(archive) as old,
        rewritten.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=time) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for entry in sorted(old.getmembers(), key=lambda member: member.name):
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = time, 0, 0, "", ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            entry.pax_headers = {}
            new.addfile(entry, old.extractfile(entry) if entry.isfile() else None)
    rewritten.replace(archive)


def build(out: Path) -> list[Path]:
    """Build both into a folder and return their paths."""
    time = commit_time()
    with tempfile.TemporaryDirectory() as scratch:
        sources, made = Path(scratch) / "sources", Path(scratch) / "made"
        export(sources)
        subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", made, sources],
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(time)},
            stdout=subprocess.DEVNULL,
        )
        for archive in made.glob("*.tar.gz"):
            normalise(archive, time)
        out.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(path, out)) for path in sorted(made.iterdir())]


def main() -> None:
    """Build, and print what was made."""
    read = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    read.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    for path in build(read.parse_args().folder):
        print(path)


if __name__ == "__main__":
    main()

"""One odd participant, or one odd moment, costs the others nothing and is never silent."""

from __future__ import annotations

from pathlib import Path

import phantom
import pytest

from qsmbids.cli.main import main

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

"""Maps in the space of a template, written by the node of a run."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from qsmbids.bids import Series
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import make_grid, upright_grid
from qsmbids.interfaces.template_space import WriteInSpace
from qsmbids.settings import SPACE

pytest.importorskip("SimpleITK")
pytestmark = pytest.mark.slow


def test_a_map_lies_where_the_warp_leads(tmp_path: Path) -> None:
    shape, affine = (40, 44, 36), np.diag([-4.0, 4.0, 4.0, 1.0])  # stored from right to left
    affine[:3, 3] = (78, -100, -60)
    grid = upright_grid(make_grid(Path("x.nii.gz"), shape, affine))
    r2star = np.zeros(shape, np.float32)
    known = np.zeros(shape, bool)
    known[8:-8, 8:-8, 6:-6] = True
    r2star[known] = 20
    r2star[12:18, 20:26, 16:20] = 50
    matrix = np.eye(4)
    matrix[:3, 3] = (4, 0, -8)
    still = np.zeros((10, 10, 10, 3), np.float32)
    stage = {"Method": "by hand", "Parameters": {}, "Warnings": ["Far off."]}
    node = WriteInSpace(
        key="sub-01",
        series=Series("01", None, {"sub": "01"}, "raw"),
        output_dir=str(tmp_path / "out"),
        space=SPACE,
        grid=grid,
        r2star=arrays.save(tmp_path, "r2star", r2star),
        known=arrays.save(tmp_path, "known", known),
        displacement=arrays.save(tmp_path, "displacement", still),
        warp={"matrix": matrix.tolist(), "affine": np.eye(4).tolist()},
        template=stage,
        decay={**stage, "Name": "Decay", "Warnings": []},
    )
    written = node.run(cwd=str(tmp_path)).outputs.written
    assert [Path(path).name for path in written] == [
        f"sub-01_space-{SPACE}_R2starmap.nii.gz",
        f"sub-01_from-scanner_to-{SPACE}_mode-image_xfm.h5",
    ]
    image = nib.load(written[0])
    values = image.get_fdata()
    assert image.shape == (197, 233, 189)
    place = image.affine[:3, :3] @ np.argwhere(values > 45).mean(axis=0) + image.affine[:3, 3]
    upright = np.asarray(grid["affine"])
    middle = upright @ [14.5, 22.5, 17.5, 1]
    assert place == pytest.approx((matrix @ middle)[:3], abs=1)
    # nothing of the zeros outside of the mask is mixed into what is known
    assert values[values > 0].min() > 19
    told = json.loads(Path(written[0].replace(".nii.gz", ".json")).read_text())["Qsmbids"]
    assert told["Space"] == {"Name": SPACE, "Method": "by hand"}
    assert "Far off." in told["Warnings"]

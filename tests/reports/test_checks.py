"""Wrong maps are told, by their cause; right ones are not called wrong."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import corruptions
import numpy as np
import pytest
from corruptions import CASES, Scan, lights, of_another, read_real, scan_of
from output_folder import save_failure

from qsmbids.cli.main import main
from qsmbids.errors import InputError
from qsmbids.reports.checks import series_checks
from qsmbids.reports.checks.maps import iron_check
from qsmbids.simulation import HeadRecipe, simulate_head

LEADING = {
    "te half": "Median R2*",
    "te tenth": "Median R2*",
    "one te": "Median R2*",
    "strength": "Scale of the field",
    "b0 20": "Tilt of B0",
    "b0 45": "Tilt of B0",
    "b0 90": "Tilt of B0",
    "moved": "Movement between echoes",
    "filtered": "Slow part of the field",
    "filtered wide": "Slow part of the field",
    "mirrored": "Phase and magnitude match",
    "another": "Phase and magnitude match",
    "as phase": "Phase noise follows the magnitude",
    "no top": "Brain that the mask lacks",
    "hemisphere": "Brain that the mask lacks",
    "hole": "Brain that the mask lacks",
    "mask +4.5": "Mask's surface outside the brain's",
    "mask +15": "Mask's surface outside the brain's",
    "sign": "Field of the head's shape",
    "noise 300": "Signal to noise of the first echo",
    "noise 900": "Signal to noise of the first echo",
    "slab": "Smallest extent of the brain",
    "thick": "Longest edge of a voxel",
    "voxel x2": "Brain mask",
    "voxel z": "Brain mask",
}
SAYS = {
    "te half": "too short",
    "strength": "MagneticFieldStrength is likely too small",
    "mirrored": "mirrored against the magnitude",
    "another": "of another head",
    "voxel x2": "the voxel size in the header is wrong",
}


def recipe(**more: object) -> HeadRecipe:
    shape = {"shape": (109, 137, 137), "voxel_size": (1.5, 1.5, 1.5)}
    common = {"field_strength": 3.0, "echo_times": (0.005, 0.011, 0.017, 0.023, 0.029)}
    return HeadRecipe(**{**shape, **common, "snr": 80.0, **more})  # type: ignore[arg-type]


@cache
def demo(**more: object) -> Scan:
    return scan_of(simulate_head(recipe(**more)))


def red(scan: Scan) -> list[str]:
    return [check.text for check in lights(scan) if not check.good]


@pytest.mark.slow
@pytest.mark.parametrize("case", LEADING)
def test_a_wrong_map_of_the_demo_is_told_by_its_cause(case: str) -> None:
    make = CASES.get(case) or of_another(demo(anatomy=1, seed=1))
    if case == "one te":
        with pytest.raises(InputError, match="does not grow in proportion to the echo times"):
            lights(make(demo()))
        return
    first, *_ = red(make(demo()))
    assert first.startswith(f"{LEADING[case]} is ")
    assert SAYS.get(case, "") in first


@pytest.mark.slow
@pytest.mark.parametrize("case", [name for name in LEADING if name != "another"])
def test_a_wrong_map_of_a_measured_head_is_told_by_its_cause(case: str, shared: Path) -> None:
    first, *_ = red(CASES[case](read_real(shared / "real-heads")))
    assert first.startswith(f"{LEADING[case]} is ")
    assert SAYS.get(case, "") in first


@pytest.mark.slow
@pytest.mark.parametrize("case", ["good", "good mask"])
def test_good_maps_are_green(case: str, shared: Path) -> None:
    assert red(CASES[case](demo())) == []
    assert red(CASES[case](read_real(shared / "real-heads"))) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"field_strength": 1.5, "anatomy": 11, "seed": 11},
        {"field_strength": 7.0, "anatomy": 24, "seed": 24, "echo_times": (0.004, 0.01, 0.016)},
        {"anatomy": 32, "seed": 32, "b0_tilt": (20.0, 10.0)},
        {"voxel_size": (1.2, 1.2, 2.0), "shape": (137, 171, 103), "seed": 5},
    ],
    ids=["1.5 T", "7 T", "tilted", "other voxels"],
)
def test_good_maps_of_other_heads_are_green(more: dict[str, object]) -> None:
    assert red(scan_of(simulate_head(recipe(**more)))) == []


@pytest.mark.slow
@pytest.mark.parametrize("edge", [3.0, 4.0])
def test_a_symmetric_head_of_coarse_voxels_matches_its_own_phase_alone(edge: float) -> None:
    """The template's own head has sides that are too alike to be correlated there."""
    coarse = {"voxel_size": (edge,) * 3, "shape": tuple(round(f / edge) for f in (164, 205, 205))}
    own, other = (demo(**coarse, **more) for more in ({}, {"anatomy": 1, "seed": 1}))
    assert red(own) == []
    for first, second in ((own, other), (other, own)):
        assert red(of_another(second)(first))[0].startswith("Phase and magnitude match is ")
    assert red(CASES["mirrored"](other))[0].startswith(
        "Phase and magnitude match is \N{MINUS SIGN}"
    )


def test_text_goes_in_the_direction_of_the_fault() -> None:
    def text(r2star: float) -> str:
        return next(c for c in series_checks({}, strength=3.0, r2star=r2star)).text

    assert "too fast for 3 T: stated echo times are too short" in text(40.0)
    assert "too slowly for 3 T: stated echo times are too long" in text(9.0)


def test_signal_that_decays_no_faster_in_iron_is_seen(rng: np.random.Generator) -> None:
    chi = rng.normal(0, 0.03, 20_000).astype(np.float32)
    good = iron_check(chi, 20 + 100 * np.maximum(chi, 0))
    bad = iron_check(chi, 20 - 100 * np.maximum(chi, 0))
    assert good is not None
    assert bad is not None
    assert good.good
    assert not bad.good


@pytest.mark.slow
def test_the_run_says_last_what_is_red_and_strict_makes_it_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "bids", tmp_path / "out"
    scan = scan_of(simulate_head(recipe(shape=(66, 82, 82), voxel_size=(2.5, 2.5, 2.5), snr=80.0)))
    for name in ("good", "mirrored"):
        corruptions.write(CASES[name](scan), root, name)
    command = [str(root), str(out), "participant", "-w", str(tmp_path / "work")]
    command += ["--skip-bids-validation", "--method", "tv", "--nprocs", "2"]
    assert main([*command, "--strict"]) == 3
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "1 of 2 maps have something to look at: sub-mirrored"
    assert f"{out / 'sub-good.html'} {out / 'sub-mirrored.html'}" in shown.out
    assert "  sub-mirrored: Phase and magnitude match is" in shown.err
    told = json.loads((out / "logs/sub-mirrored/sub-mirrored_lights.json").read_text())
    red = [one["Name"] for one in told["Series"] if not one["Good"]]
    assert red[0] == "Phase and magnitude match"
    assert "numbers that have a range lie in it" in (out / "sub-good.html").read_text()
    assert main(command) == 0
    assert main([str(root), str(out), "group"]) == 0
    rows = [row.split("\t") for row in (out / "group.tsv").read_text().splitlines()]
    bad = dict(zip(rows[0], rows[2], strict=True))
    assert int(bad["red"]) >= 1
    assert bad["message"].startswith("Phase and magnitude match")
    assert float(bad["phase_and_magnitude_match"]) < 0
    words = json.loads((out / "group.json").read_text())
    assert set(words) == set(rows[0])


def test_a_failed_series_is_not_green(tmp_path: Path) -> None:
    from qsmbids.reports import write_participant_page

    scan_folder = tmp_path / "sub-01/anat"
    scan_folder.mkdir(parents=True)
    import nibabel as nib

    data = np.zeros((12, 12, 12), np.float32)
    data[3:9, 3:9, 3:9] = 0.01
    nib.save(nib.Nifti1Image(data, np.eye(4)), scan_folder / "sub-01_desc-tv_Chimap.nii.gz")
    logs = save_failure(tmp_path)
    text = write_participant_page(tmp_path, "01").read_text(encoding="utf-8")
    assert "The last run of this series failed" in text
    assert '<span class="tag good">as expected</span></li>' not in text
    assert "All numbers below lie" not in text
    assert json.loads((logs / "sub-01_lights.json").read_text())["Failure"]

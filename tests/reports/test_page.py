"""What the participant's page says of acquisition, maps, methods and files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from output_folder import (
    AFFINE,
    SHAPE,
    ball,
    chi_map,
    save,
    save_everything,
    save_failure,
    save_map,
)

from qsmbids.bids.results import find_series
from qsmbids.reports import write_participant_page
from qsmbids.reports.bibtex import bibtex, latex
from qsmbids.reports.checks import Check
from qsmbids.reports.citations import CITATIONS
from qsmbids.reports.evidence import examine
from qsmbids.reports.run_facts import series_files

TIMES = "\N{MULTIPLICATION SIGN}"
ACQUISITION = {
    "Manufacturer": "Maker",
    "ManufacturersModelName": "Model <3>",
    "SoftwareVersions": "VE11",
    "RepetitionTime": 0.05,
    "FlipAngle": 15,
    "PixelBandwidth": 240.0,
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an output folder with two methods, one of them fitted, logs and pictures."""
    out = tmp_path_factory.mktemp("out")
    save_everything(out)
    save(out, "anat/sub-01_desc-tvBefore_Chimap", 0.5 * chi_map())
    for path in out.rglob("*.json"):
        sidecar = json.loads(path.read_text())
        sidecar["EchoTime"] = [0.004, 0.012, 0.02]
        sidecar.setdefault("Qsmbids", {})["Acquisition"] = ACQUISITION
        sidecar["Qsmbids"]["B0Direction"] = [0, 0.6, 0.8]
        sidecar["Qsmbids"]["VoxelSize"] = [8, 7, 9]
        path.write_text(json.dumps(sidecar))
    logs = out / "logs" / "sub-01"
    logs.mkdir(parents=True)
    run = {"Version": "9.9", "Command": "qsmbids in 'my out'", "Date": "2026-01-02T03:04:05+00:00"}
    run |= {"Log": "logs/1_run.log", "Packages": {"numpy": "2.9"}}
    (logs / "run.json").write_text(json.dumps(run))
    (out / "logs" / "1_run.log").write_text("log")
    (logs / "CITATION.md").write_text("text")
    (logs / "sub-01_run-2_quality.json").write_text("{}")
    (logs / "sub-01_wrapped.webp").write_bytes(b"RIFF-of-the-run")
    return out


@pytest.fixture(scope="module")
def page(output: Path) -> str:
    return write_participant_page(output, "01").read_text(encoding="utf-8")


def _shown(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]*)</dt><dd[^>]*>(?:<code>)?([^<]*)<", page))


def test_the_acquisition_is_told_in_the_units_of_the_scanner(page: str) -> None:
    shown = _shown(page)
    assert shown["Echo times"] == "4, 12, 20 ms"
    assert shown["Repetition time"] == "50 ms"
    assert shown["Flip angle"] == "15\N{DEGREE SIGN}"
    assert shown["Bandwidth"] == "240 Hz a pixel"
    assert shown["Voxel size"] == f"8 {TIMES} 7 {TIMES} 9 mm"
    assert shown["Matrix"] == f"24 {TIMES} 30 {TIMES} 20"
    assert shown["Tilt of B0 to the voxels"] == "36.9\N{DEGREE SIGN}"
    assert shown["Scanner"] == "Maker Model &lt;3&gt;"
    assert shown["Scanner&#39;s software"] == "VE11"


def test_what_nobody_stated_is_said_to_be_so(tmp_path: Path) -> None:
    save_map(tmp_path)
    shown = _shown(write_participant_page(tmp_path, "01").read_text(encoding="utf-8"))
    names = ("Echo times", "Repetition time", "Flip angle", "Bandwidth")
    assert {shown[name] for name in names} == {"not stated"}
    assert shown["Field strength"] == "3 T"


def test_date_command_and_versions_of_the_run_are_told(page: str) -> None:
    shown = _shown(page)
    assert shown["Command"] == "qsmbids in &#39;my out&#39;"
    assert shown["Date"] == "2026-01-02T03:04:05+00:00"
    assert shown["numpy"] == "2.9"


def test_all_files_and_logs_are_linked(output: Path, page: str) -> None:
    links = set(re.findall(r'href="([^"#:]+)"', page))
    assert all((output / link).is_file() for link in links)
    assert {"logs/1_run.log", "logs/sub-01/CITATION.md", "logs/sub-01/run.json"} <= links
    assert "logs/sub-01/sub-01_lights.json" in links
    assert "logs/sub-01/sub-01_viewer.html" in links
    for path in (output / "sub-01").rglob("*.*"):
        assert path.relative_to(output).as_posix() in links


def test_logs_of_another_series_are_not_this_ones(output: Path) -> None:
    (series,) = find_series(output, "01")
    files = series_files(output, "01", series)
    assert "logs/sub-01/sub-01_run-2_quality.json" not in files
    assert "logs/sub-01/sub-01_wrapped.webp" in files


def test_pictures_of_the_run_are_taken_as_they_are(output: Path) -> None:
    (series,) = find_series(output, "01")
    titles = {picture.title: picture.uri for picture in examine(series).pictures}
    assert titles["Wrapped phase"].endswith("UklGRi1vZi10aGUtcnVu")
    order = list(titles)
    assert order.index("Magnitude") < order.index("Wrapped phase") < order.index("Total field")


def test_numbers_of_the_series_stand_in_no_methods_column(page: str) -> None:
    """With two methods they stood under the second as if its own."""
    series, maps = re.findall(r"<table>\s*<caption>.*?</table>", page, re.DOTALL)
    assert "Residual of the phase fit" in series
    assert "Residual of the phase fit" not in maps
    assert 'scope="col" class="number">tkd<' in maps
    assert "tkd" not in series
    assert "colspan" not in page
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", maps, re.DOTALL)
    assert rows
    assert all(row.count("<td") == 3 for row in rows)


def test_a_network_before_its_fit_is_compared_and_is_no_method(output: Path, page: str) -> None:
    (series,) = find_series(output, "01")
    assert list(series.chimaps) == ["tkd", "tv"]
    comparison = examine(series).comparison
    assert comparison is not None
    assert [one.name for one in comparison.maps] == ["tkd", "tv before its fit", "tv"]
    assert comparison.pair == ("tvBefore", "tv")
    offered = re.findall(r'<option value="([^"]+)"( selected)?>([^<]+)', page)
    assert {name for _, _, name in offered} == {"tkd", "tv before its fit", "tv"}
    assert all(f'id="{place}"' in page for place, _, _ in offered)
    chosen = [name for _, selected, name in offered if selected]
    assert chosen == ["tv before its fit", "tv"]


def test_one_map_is_compared_with_nothing(tmp_path: Path) -> None:
    save_map(tmp_path)
    assert examine(find_series(tmp_path, "01")[0]).comparison is None


def test_windows_do_not_depend_on_the_participant(tmp_path: Path) -> None:
    captions = []
    for number, scale in enumerate((1.0, 3.0)):
        out = tmp_path / str(number)
        save_everything(out)
        for path in out.rglob("*.nii.gz"):
            if "mask" not in path.name:
                image = nib.load(path)
                nib.save(nib.Nifti1Image(scale * image.get_fdata(), image.affine), path)
        found = examine(find_series(out, "01")[0])
        pictures = [*found.pictures, *(p for one in found.maps for p in (one.main, *one.beside))]
        captions.append({p.title: re.findall(r"Grey window.*", p.caption) for p in pictures})
    one, other = captions
    assert one.pop("Magnitude") != other.pop("Magnitude")
    assert one == other
    assert len(one) == 7


def test_maps_are_shown_in_five_slices_of_each_plane_with_positions(tmp_path: Path) -> None:
    save_map(tmp_path)
    (one,) = examine(find_series(tmp_path, "01")[0]).maps
    assert one.main.alt.startswith("15 axial, coronal and sagittal slices")


def test_a_failed_series_is_never_green(output: Path, tmp_path: Path) -> None:
    save_everything(tmp_path)
    save_failure(tmp_path, stage="background removal", message="The disk is full.")
    text = write_participant_page(tmp_path, "01").read_text(encoding="utf-8")
    assert '<div class="box good">' not in text
    assert "as expected" not in text
    assert "What is shown here was made before that." in text


def test_methods_text_tells_the_measurement_in_three_formats(page: str) -> None:
    told = (
        "Gradient echoes were measured at 3 T (echo times 4, 12, 20 ms, repetition time 50 ms, "
        f"flip angle 15 degrees, voxels of 8 {TIMES} 7 {TIMES} 9 mm)."
    )
    assert told in page
    assert told.replace(TIMES, r"$\times$") in page
    assert r"~\cite{qsmconsensus2024}" in page
    assert "@article{qsmconsensus2024," in page
    assert page.count("data-copies=") == 3


@pytest.mark.parametrize("key", CITATIONS)
def test_every_reference_is_bibtex(key: str) -> None:
    text = bibtex({key: CITATIONS[key]})
    assert re.match(rf"@(article|misc){{{key},\n", text)
    assert text.count("{") == text.count("}")
    fields = dict(re.findall(r"^  (\w+) = {(.*)},?$", text, re.MULTILINE))
    assert re.fullmatch(r"(.+, [A-Z]{1,4}|{.+}|others)", fields["author"].split(" and ")[0])
    assert fields.get("doi", "") == CITATIONS[key].doi
    places = ("journal", "volume", "pages") if text.startswith("@article") else ("howpublished",)
    assert all(fields[name] for name in places)


def test_latex_cites_by_keys_and_escapes() -> None:
    keys = {key: CITATIONS[key] for key in ("liu2012", "liu2013")}
    text = latex("50 % of a_b [1, 2]. More [2].", keys)
    assert text == "50 \\% of a\\_b~\\cite{liu2012,liu2013}. More~\\cite{liu2013}.\n"


@pytest.mark.parametrize("value", [-1.0, 5.0])
def test_advice_points_in_the_direction_of_the_fault(value: float) -> None:
    check = Check("Number", value, "ppm", (0.0, 1.0), "It is too small.", "It is too large.")
    assert check.text.endswith("It is too small." if value < 0 else "It is too large.")


def test_streaks_are_seen_and_a_true_map_has_none() -> None:
    from qsmbids.inversion import invert
    from qsmbids.physics import forward_field
    from qsmbids.reports.checks.artefacts import artefact_checks

    rng = np.random.default_rng(1)
    shape, zoom = (64, 64, 64), (1.5, 1.5, 1.5)
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    mask = sum(a**2 for a in axes) < 0.8
    chi = np.zeros(shape, np.float32)
    for centre in rng.uniform(-0.6, 0.6, (60, 3)):
        chi[sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) < 0.01] += 0.1
    field = forward_field(chi, zoom) + rng.normal(0, 0.004, shape).astype(np.float32)
    maps = {
        "truth": chi * mask,
        "streaks": invert(field, mask, voxel_size=zoom, method="tkd", units="ppm", threshold=0.03),
    }
    found = {
        name: artefact_checks(np.asarray(one, np.float32), mask, zoom, (0, 0, 1))[0]
        for name, one in maps.items()
    }
    assert found["truth"].good
    assert found["truth"].value == pytest.approx(1, abs=0.3)
    assert not found["streaks"].good


def test_the_viewer_holds_the_maps_at_their_places(output: Path, page: str) -> None:
    import base64
    import gzip

    text = (output / "logs/sub-01/sub-01_viewer.html").read_text(encoding="utf-8")
    assert len(text) < 3_500_000
    packed = re.findall(r'class="chi">([^<]+)', text)
    assert len(packed) == 3
    image = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(packed[0])))
    assert np.allclose(np.diag(image.affine)[:3], np.diag(AFFINE)[:3])
    values = image.get_fdata()
    place = np.linalg.inv(image.affine) @ AFFINE @ [11, 15, 10, 1]
    found = values[tuple(np.round(place[:3]).astype(int))]
    assert found == pytest.approx(chi_map()[11, 15, 10], abs=0.001)
    assert values.shape <= SHAPE
    assert ball().any()

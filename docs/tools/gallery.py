"""The gallery of right and wrong maps: a simulated head, spoilt in one way each, and what is said.

``make gallery`` maps the evidence cases of the checks' tests and writes a picture each and
``lights.json``, which the page shows; and the README's picture of the real head.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from docs.tools.tables import escaped

FOLDER = Path(__file__).resolve().parents[1] / "images" / "gallery"
CASES = {
    "good": "Nothing is wrong",
    "noise 300": "Noise",
    "filtered": "Phase filtered as for SWI",
    "sign": "The wrong sign of the phase",
    "mirrored": "Phase mirrored against the magnitude",
    "moved": "The head moved between echoes",
    "b0 45": "A header that lost the tilt of the head",
    "mask +15": "A mask that is too large",
    "hole": "A mask with a hole",
    "strength": "Half the field strength in the sidecar",
    "thick": "Thick slices",
    "slab": "A slab instead of the whole head",
}
"""Cases of ``tests/helpers/corruptions.py``, and what is wrong in each."""
WIDTH = 720  # pixels
WINDOW = (-0.1, 0.1)  # ppm


def page() -> Iterator[str]:
    """Yield a section for each case: its picture and what the app says of it."""
    told = json.loads((FOLDER / "lights.json").read_text("utf-8"))
    for case, title in CASES.items():
        texts = told[case] or ["All numbers lie in their ranges."]
        picture = f"images/gallery/{_label(case)}.webp"
        yield from ("", f"## {title}", "", f"![The map of this case]({picture})", "")
        yield from (f"> {escaped(text)}\n>" for text in texts)
    yield ""


def make() -> None:
    """Map every case with TV, and write its picture and what is red."""
    import corruptions

    from qsmbids.cli.main import main
    from qsmbids.simulation import HeadRecipe, simulate_head

    grid = {"shape": (66, 82, 82), "voxel_size": (2.5, 2.5, 2.5)}
    times = (0.005, 0.011, 0.017, 0.023, 0.029)
    head = HeadRecipe(**grid, field_strength=3.0, echo_times=times, snr=80.0)
    scan = corruptions.scan_of(simulate_head(head))
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = {}
    with tempfile.TemporaryDirectory() as name:
        for sign in ("auto", "negative"):
            cases = [case for case in CASES if (case == "sign") == (sign == "negative")]
            root, out = Path(name, sign), Path(name, f"{sign}-out")
            for case in cases:
                corruptions.write(corruptions.CASES[case](scan), root, _label(case))
            command = [str(root), str(out), "participant", "-w", str(Path(name, "work"))]
            command += ["--method", "tv", "--phase-sign", sign, "--skip-bids-validation"]
            masks = [f"--derivatives={path}" for path in root.glob("derivatives/*")]
            main([*command, *masks, "--nprocs", "1"])
            for case in cases:
                series = f"sub-{_label(case)}"
                told[case] = _red(out / f"logs/{series}/{series}_lights.json")
                _draw(
                    out / f"{series}/anat/{series}_desc-tv_Chimap.nii.gz",
                    FOLDER / f"{_label(case)}.webp",
                )
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (FOLDER / "lights.json").write_text(f"{text}\n", encoding="utf-8")


def _red(path: Path) -> list[str]:
    """Return what the red checks say, the one that explains the others first."""
    lights = json.loads(path.read_text("utf-8"))
    checks = [*lights["Series"], *(c for checks in lights["Maps"].values() for c in checks)]
    return [check["Text"] for check in checks if not check["Good"]][:2]


def _draw(chi: Path, out: Path) -> None:
    """Draw the three planes of a map as the participant's page does."""
    from PIL import Image

    from qsmbids.bids.volume import read
    from qsmbids.reports.slices import planes, strip
    from qsmbids.reports.view import view_of

    volume = read(chi)
    view = view_of(volume)
    uri = strip(planes(view.cut(volume), view, {}), WINDOW, "ppm")
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    image.resize((WIDTH, round(image.height * WIDTH / image.width))).save(out, quality=80)


def _label(case: str) -> str:
    return "".join(letter for letter in case if letter.isalnum())


if __name__ == "__main__":
    [real] = Path(sys.argv[1]).glob("sub-01/anat/*_desc-dcnettv_Chimap.nii.gz")
    _draw(real, FOLDER.parent / "real-head.webp")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "helpers"))
    make()

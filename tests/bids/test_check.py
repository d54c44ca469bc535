from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from bids_tree import (
    AFFINE,
    SHAPE,
    add_series,
    settings_for,
    write_description,
    write_image,
    write_meta,
)

from qsmbids.bids import Inventory
from qsmbids.bids.check import read_grid
from qsmbids.bids.find import find_series
from qsmbids.errors import InputError

SHEARED = AFFINE + np.array([[0, 0.3, 0, 0], *[[0] * 4] * 3])
SHIFTED = AFFINE + np.array([[0, 0, 0, 0.5], *[[0] * 4] * 3])
TALLER = (*SHAPE[:2], SHAPE[2] + 1)


def named(anat: Path, part: str = "phase", echo: int = 2) -> Path:
    """Return one image of a participant's series."""
    return anat / f"{anat.parent.name}_echo-{echo}_part-{part}_MEGRE.nii.gz"


def stated(**meta):
    """Give the second echo another sidecar."""

    def spoil(anat: Path) -> None:
        for part in ("mag", "phase"):
            write_meta(named(anat, part), {"MagneticFieldStrength": 3, **meta})

    return spoil


def rewritten(content: bytes):
    return lambda anat: (
        named(anat).with_name(named(anat).name.replace(".nii.gz", ".json")).write_bytes(content)
    )


def image(part: str = "phase", **how):
    return lambda anat: write_image(named(anat, part), **how)


def content(change, part: str = "phase"):
    return lambda anat: named(anat, part).write_bytes(change(named(anat, part).read_bytes()))


def strength(**instead):
    """Put something else in place of the field strength in all sidecars."""

    def spoil(anat: Path) -> None:
        for path in anat.glob("*.json"):
            meta = json.loads(path.read_text())
            del meta["MagneticFieldStrength"]
            path.write_text(json.dumps({**meta, **instead}))

    return spoil


def link(anat: Path) -> None:
    named(anat).unlink()
    named(anat).symlink_to("nowhere")


def no_affine(anat: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape(SHAPE)
    header.set_data_dtype("f4")
    header.set_sform(np.diag([1, 1, 0, 1]), code=1)
    data = header.binaryblock + bytes(4 + 4 * int(np.prod(SHAPE)))
    named(anat).write_bytes(gzip.compress(data))


def phase_alone(anat: Path) -> None:
    for path in anat.glob("*part-mag*"):
        path.unlink()


def gap(anat: Path) -> None:
    named(anat, "mag").unlink()
    named(anat, "phase").unlink()


# what is done to a participant's images, and the start and a part of the sentence that follows
CASES = {
    "noTime": (lambda anat: stated()(anat), "EchoTime is missing .* for PHASE2; add it in seconds"),
    "wordTime": (stated(EchoTime=["none"]), "EchoTime is missing"),
    "listTime": (stated(EchoTime=[0.008, 0.02]), "EchoTime of PHASE2 lists 2 times, .* 3 files"),
    "milliseconds": (stated(EchoTime=8), r"PHASE2 is 8 s, .* milliseconds; write .*0\.008"),
    "zeroTime": (stated(EchoTime=0), "EchoTime of PHASE2 is 0;"),
    "sameTime": (stated(EchoTime=0.004), r"EchoTime of PHASE2 \(0.004 s\) is that of another"),
    "twoTimes": (
        lambda anat: write_meta(named(anat), {"EchoTime": 0.0085}),
        "PHASE2 is not that of MAG2",
    ),
    "noStrength": (strength(), "MagneticFieldStrength is missing for sub-noStrength/anat/.* tesla"),
    "notTesla": (strength(MagneticFieldStrength=123.2), "123.2, which cannot be tesla"),
    "tooWeak": (strength(MagneticFieldStrength=0.003), "0.003, which cannot be tesla"),
    "negative": (strength(MagneticFieldStrength=-3), "-3, which cannot be tesla"),
    "hertz": (strength(ImagingFrequency=123.2e6), "ImagingFrequency .* cannot be tesla"),
    "twoUnits": (
        stated(EchoTime=0.008, Units="rad"),
        r"different Units \(arbitrary, rad\); make them agree",
    ),
    "cutSidecar": (rewritten(b"{"), "The sidecar .*echo-2_part-phase_MEGRE.json is unreadable"),
    "emptySidecar": (rewritten(b""), "The sidecar .*echo-2_part-phase_MEGRE.json is unreadable"),
    "binarySidecar": (rewritten(b"\xff\xfe"), "The sidecar .*phase_MEGRE.json is unreadable"),
    "listSidecar": (rewritten(b"[1]"), "The sidecar .*phase_MEGRE.json holds no JSON object"),
    "taller": (
        image(shape=TALLER),
        r"^PHASE2 .* another grid than .*echo-1_part-mag.*\(6 x 7 x 6 voxels against 6 x 7 x 5\)",
    ),
    "tallerMagnitude": (image("mag", shape=TALLER), "^MAG2 lies on another grid"),
    "shifted": (image(affine=SHIFTED), r"^PHASE2 .* another grid .*\(affines 0.5 mm apart\)"),
    "cut": (content(lambda data: data[:-60]), "^PHASE2 .* truncated"),
    "cutHeader": (content(lambda data: data[:40], "mag"), "^MAG2 .* truncated"),
    "plain": (content(gzip.decompress), "^PHASE2 is no gzip file"),
    "text": (content(lambda _: b"no image"), "^PHASE2 is no gzip file"),
    "zippedText": (content(lambda _: gzip.compress(b"no image")), "^PHASE2 cannot be read as"),
    "empty": (content(lambda _: b""), "^PHASE2 is empty"),
    "link": (link, "^PHASE2 is a link to a file that is not there"),
    "flat": (image(shape=(6, 7)), r"^PHASE2 is no 3D volume \(6 x 7\)"),
    "oneSlice": (image(shape=(6, 7, 1)), "^PHASE2 is no 3D volume"),
    "allEchoes": (image(shape=(*SHAPE, 3)), "^PHASE2 holds 3 volumes .* list the time of each"),
    "coils": (image(shape=(*SHAPE, 1, 8)), "^PHASE2 is 5D .* receive coils .*; combine these"),
    "complex": (image(dtype=np.complex64), "^PHASE2 holds complex"),
    "sheared": (image("mag", affine=SHEARED), "^MAG2 cannot be used, since the affine is sheared"),
    "noAffine": (no_affine, "^PHASE2 has no usable affine"),
    "noPart": (lambda anat: named(anat).unlink(), "^MAG2 has no phase of the same echo"),
    "phaseAlone": (phase_alone, "echo-1_part-phase_MEGRE.nii.gz has no magnitude"),
    "gap": (gap, "^sub-gap_MEGRE has no echo 2 though it has echo 3; add it"),
    "twice": (
        lambda anat: write_image(anat / "sub-twice_echo-02_part-mag_MEGRE.nii.gz"),
        "is the same echo and part as",
    ),
}


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory) -> Inventory:
    """Look once through a dataset in which each participant but one is spoilt in its own way."""
    root = write_description(tmp_path_factory.mktemp("spoilt") / "raw")
    for label, (spoil, _) in {"good": (lambda _: None, ""), **CASES}.items():
        add_series(root, f"sub-{label}")
        spoil(root / f"sub-{label}" / "anat")
    return find_series(settings_for(root))


@pytest.mark.parametrize("label", CASES)
def test_bad_input_gets_one_sentence_with_file_and_remedy(spoilt, label):
    (skipped,) = [item for item in spoilt.skipped if item.participant == label]
    assert (skipped.key, skipped.error) == (f"sub-{label}", True)
    stem = f"sub-{label}/anat/sub-{label}_echo-2_part"
    text = CASES[label][1].replace("PHASE2", f"{stem}-phase_MEGRE.nii.gz")
    assert re.search(text.replace("MAG2", f"{stem}-mag_MEGRE.nii.gz"), skipped.reason)
    assert skipped.reason.endswith(".")
    assert "spoilt" not in skipped.reason  # nothing of the path above the dataset
    assert "\n" not in skipped.reason


def test_the_others_go_on(spoilt):
    assert [series.key for series in spoilt.series] == ["sub-good"]
    assert len(spoilt.skipped) == len(CASES)


@pytest.fixture
def raw(raw: Path) -> Path:
    add_series(raw, "sub-01")
    return raw


def test_field_strength_told_by_the_frequency(raw):
    strength(ImagingFrequency=123.2)(raw / "sub-01" / "anat")
    (series,) = find_series(settings_for(raw)).series
    assert series.field_strength == pytest.approx(2.894, abs=1e-3)
    assert "ImagingFrequency" in series.warnings[0]


def test_mask_on_another_grid(raw, derivatives):
    write_image(derivatives / "sub-01/anat/sub-01_desc-brain_mask.nii.gz", shape=(3, 4, 5))
    (skipped,) = find_series(settings_for(raw, derivatives={"fmriprep": derivatives})).skipped
    sentence = skipped.reason
    assert skipped.error
    assert re.search(
        r"^fmriprep:sub-01/anat/sub-01_desc-brain_mask\.nii\.gz lies on another", sentence
    )
    assert re.search("resample", sentence)


def test_rounding_of_affines_and_a_trailing_axis_are_no_error(raw):
    phase = named(raw / "sub-01" / "anat")
    write_image(phase, shape=(*SHAPE, 1), affine=AFFINE + 1e-4 * np.eye(4, k=3))
    assert len(find_series(settings_for(raw)).series) == 1


def test_a_dataset_of_empty_images_is_reported(tmp_path):
    root = write_description(tmp_path / "raw")
    for path in [*add_series(root, "sub-01"), *add_series(root, "sub-02")]:
        path.write_bytes(b"")
    inventory = find_series(settings_for(root))
    assert not inventory.series
    assert [item.error for item in inventory.skipped] == [True, True]


def test_image_without_orientation_is_warned_about(raw):
    image = nib.Nifti1Image(np.ones(SHAPE, "f4"), None)
    image.header.set_zooms((1, 1, 2))
    for path in (raw / "sub-01").rglob("*.nii.gz"):
        nib.save(image, path)
    assert "no orientation" in find_series(settings_for(raw)).series[0].warnings[0]


def test_gzip_of_several_members_is_whole(tmp_path):
    path = write_image(tmp_path / "a.nii.gz")
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:500]) + gzip.compress(content[500:]))
    assert read_grid(path, "a").shape == SHAPE
    path.write_bytes(gzip.compress(content[:500]) + gzip.compress(content[500:700]))
    with pytest.raises(InputError, match="truncated"):
        read_grid(path, "a")


def test_uncompressed_images(tmp_path):
    path = write_image(tmp_path / "a.nii")
    assert read_grid(path, "a").shape == SHAPE
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="truncated"):
        read_grid(path, "a")

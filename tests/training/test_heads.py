"""Label maps of whole heads, and the images synthesised from them."""

from dataclasses import replace

import numpy as np
import pytest

from qsmbids.networks.brainmask_net import LIMIT
from qsmbids.training.data.acquisition import Acquisition
from qsmbids.training.data.head_images import HeadImages, HeadSamples
from qsmbids.training.data.label_maps import BRAIN, EDGE, label_map_files, load, make_labels

PLAIN = Acquisition(
    receive=0, in_plane=(0.5, 0.6), sliced=0, gibbs=0, ghosts=0, voids=0, cropped=0, noise=0
)


@pytest.fixture(scope="module")
def samples():
    return HeadSamples(label_map_files(), HeadImages(brainless=0))


@pytest.mark.parametrize("path", label_map_files(), ids=lambda path: path.name)
def test_a_shipped_label_map_is_a_head_around_a_brain(path):
    head = load(path)
    brain = np.isin(head.labels, BRAIN)
    assert 1200 < brain.sum() * EDGE**3 / 1000 < 2000
    assert (head.labels > 0).sum() > 1.4 * brain.sum()
    assert (head.distance[brain] < 0).all()
    steep = np.linalg.norm(head.outward, axis=0)
    assert np.median(steep[np.abs(head.distance) < 10]) == pytest.approx(1, abs=0.15)
    if head.image is not None:  # on the same grid, bright in the head and dark in the air
        assert np.median(head.image[brain]) > 3 * np.median(head.image[head.labels == 0])


def test_a_batch_number_is_always_the_same_sample(samples):
    one, same = (samples(np.random.default_rng(5), 64) for _ in range(2))
    other = samples(np.random.default_rng(6), 64)
    assert all(np.array_equal(one[key], same[key]) for key in one)
    assert not np.array_equal(one["image"], other["image"])


@pytest.mark.parametrize("seed", range(6))
def test_a_sample_is_complete_and_sound(samples, seed):
    sample = samples(np.random.default_rng(seed), 64)
    assert {value.shape for value in sample.values()} == {(64,) * 3}
    assert {value.dtype for value in sample.values()} == {np.dtype(np.float32)}
    assert np.isfinite(sample["image"]).all()
    assert np.abs(sample["distance"]).max() <= LIMIT
    assert (sample["image"][sample["mask"] == 0] == 0).all()
    assert (sample["distance"] < 0).mean() > 0.02


def test_a_phantom_has_no_brain():
    samples = HeadSamples(label_map_files(), HeadImages(brainless=1))
    for seed in range(4):
        sample = samples(np.random.default_rng(seed), 64)
        assert (sample["distance"] == LIMIT).all()
        assert sample["image"].max() > 0


def test_without_an_acquisition_the_stripped_image_is_the_brain():
    how = HeadImages(brainless=0, stripped=1, defaced=0, lesions=0, acquisition=PLAIN)
    sample = HeadSamples(label_map_files(), how)(np.random.default_rng(1), 64)
    lit, inside = sample["image"] > 0.02, sample["distance"] < 0
    assert (lit & (sample["distance"] > 8)).sum() < 0.01 * lit.sum()
    assert lit[sample["distance"] < -4].mean() > 0.9
    assert inside.any()


def test_layers_outside_the_brain_become_thicker_but_not_the_brain():
    base = HeadImages(
        brainless=0, stripped=0, defaced=0, lesions=0, fluid=0, tilt=0, elastic=0, acquisition=PLAIN
    )
    found = []
    for factor in (0.7, 1.6):
        how = replace(base, layers=(factor, factor + 1e-6))
        samples = HeadSamples(label_map_files()[:1], how)
        found.append(samples(np.random.default_rng(3), 96))
    thin, thick = found
    brains = [sample["distance"] < 0 for sample in found]
    assert np.mean(brains[0] != brains[1]) < 0.005
    assert np.abs(thin["image"] - thick["image"]).mean() > 1e-3


def test_labels_come_from_intensity_and_distance():
    axes = np.meshgrid(*[np.arange(80) - 39.5] * 3, indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes)) * EDGE
    image = np.select([radius < 40, radius < 46, radius < 54], [1.0, 0.1, 1.5], 0.0)
    image = image.astype(np.float32) * np.random.default_rng(0).uniform(0.9, 1.1, image.shape)
    labels = make_labels(image.astype(np.float32), radius < 40)
    assert np.isin(labels[radius < 38], BRAIN).all()
    assert (labels[(radius > 42) & (radius < 45)] == 4).mean() > 0.9  # bone
    assert (labels[radius > 58] == 0).all()

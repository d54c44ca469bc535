"""Convolutions in slabs are those of whole transforms, on any number of threads."""

import numpy as np
import pytest
import scipy.fft as sf

from qsmbids.physics import DipoleConvolution, slabs
from qsmbids.physics.kspace import fast_size

torch = pytest.importorskip("torch")


@pytest.fixture
def thin(monkeypatch):
    """Slabs of few planes, so that a small image has many."""
    monkeypatch.setattr(slabs, "_VOXELS", 2000)


def streamed(dipole, chi):
    field = np.full(chi.shape, np.nan, np.float32)

    def take(slab, part):
        field[slab] = part

    dipole.stream(lambda slab: chi[slab], take)
    return field


@pytest.mark.parametrize("shape", [(31, 25, 28), (16, 30, 17)])
@pytest.mark.parametrize("margin", [0, 9])
def test_a_stream_is_a_convolution(thin, rng, shape, margin):
    dipole = DipoleConvolution(shape, (1, 1.2, 2), (0.3, -0.2, 0.9), margin=margin)
    chi = rng.standard_normal(shape).astype(np.float32)
    np.testing.assert_allclose(streamed(dipole, chi), dipole(chi), atol=2e-6)


def test_the_number_of_threads_does_not_matter(thin, rng):
    dipole = DipoleConvolution((40, 36, 34), (1, 1, 1))
    chi = rng.standard_normal(dipole.shape).astype(np.float32)
    before, found = torch.get_num_threads(), []
    try:
        for workers, threads in ((1, 1), (2, 1), (3, 2)):
            torch.set_num_threads(threads)
            with sf.set_workers(workers):
                found.append(streamed(dipole, chi))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_torch_has_one_thread_in_each_slab(thin):
    dipole = DipoleConvolution((40, 36, 34), (1, 1, 1))
    chi, seen = np.zeros(dipole.shape, np.float32), []
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with sf.set_workers(2):
            dipole.stream(lambda slab: chi[slab], lambda *_: seen.append(torch.get_num_threads()))
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


def test_an_image_may_become_its_own_field(thin, rng):
    dipole = DipoleConvolution((30, 20, 22), (1, 1, 1))
    image = rng.standard_normal(dipole.shape).astype(np.float32)
    expected = dipole(image)

    def replace(slab, part):
        image[slab] = part

    with sf.set_workers(2):
        dipole.stream(lambda slab: image[slab], replace)
    np.testing.assert_allclose(image, expected, atol=2e-6)


def test_an_error_in_a_slab_is_not_lost(thin):
    dipole = DipoleConvolution((30, 20, 22), (1, 1, 1))
    chi = np.zeros(dipole.shape, np.float32)

    def fail(slab, part):
        raise RuntimeError("no more")

    with sf.set_workers(2), pytest.raises(RuntimeError, match="no more"):
        dipole.stream(lambda slab: chi[slab], fail)


def test_sizes_that_transform_fast_are_even_and_near():
    assert [fast_size(n) for n in (1, 16, 165, 196, 199, 251)] == [2, 16, 168, 196, 200, 252]
    assert all(n <= fast_size(n) <= 1.15 * n for n in range(8, 700))

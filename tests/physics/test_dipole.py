"""The dipole convolution is the physics it claims to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsmbids.physics import DipoleConvolution, dipole_kernel, forward_field

shapes = st.tuples(*[st.integers(3, 14)] * 3)
voxel_sizes = st.tuples(*[st.floats(0.3, 3.0)] * 3)
directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda b: np.linalg.norm(b) > 0.1)
seeds = st.integers(0, 2**32 - 1)


def noise(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def relative(a, b):
    """Return the largest difference over the largest value of b."""
    return float(np.abs(a - b).max() / np.abs(b).max())


@given(shapes, voxel_sizes, directions, st.integers(0, 9), seeds)
def test_operator_is_its_own_adjoint(shape, voxel_size, b0_dir, margin, seed):
    x, y = noise(seed, 2, *shape)
    field_of = DipoleConvolution(shape, voxel_size, b0_dir, margin)
    left, right = np.vdot(field_of(x), y), np.vdot(x, field_of(y))
    scale = np.linalg.norm(x) * np.linalg.norm(y)
    assert abs(left - right) < 1e-5 * scale


@given(shapes, voxel_sizes, directions, st.floats(-5, 5), seeds)
def test_operator_is_linear(shape, voxel_size, b0_dir, factor, seed):
    x, y = noise(seed, 2, *shape)
    field_of = DipoleConvolution(shape, voxel_size, b0_dir)
    combined = field_of(factor * x + y)
    assert relative(combined, factor * field_of(x) + field_of(y)) < 1e-4


@given(shapes, voxel_sizes, directions)
def test_field_is_float32_on_the_grid_of_the_images(shape, voxel_size, b0_dir):
    field = forward_field(np.ones(shape), voxel_size, b0_dir)
    assert field.shape == shape
    assert field.dtype == np.float32


@given(shapes, voxel_sizes, directions)
def test_kernel_is_the_definition_below_the_nyquist_frequency(shape, voxel_size, b0_dir):
    kernel = dipole_kernel(shape, voxel_size, b0_dir)
    k = np.stack(
        np.meshgrid(
            *[np.fft.fftfreq(n, d) for n, d in zip(shape, voxel_size, strict=True)], indexing="ij"
        )
    )
    below = np.all([np.abs(f) < 0.499 / d for f, d in zip(k, voxel_size, strict=True)], axis=0)
    with np.errstate(invalid="ignore"):
        cosine = np.tensordot(np.divide(b0_dir, np.linalg.norm(b0_dir)), k, 1)
        cosine /= np.linalg.norm(k, axis=0)
    expected = np.where(k.any(axis=0), 1 / 3 - cosine**2, 0)
    half = (slice(None), slice(None), slice(0, shape[2] // 2 + 1))
    np.testing.assert_allclose(kernel[half][below[half]], expected[half][below[half]], atol=1e-6)


@given(shapes, voxel_sizes, seeds)
def test_kernel_is_free_of_trace(shape, voxel_size, seed):
    """Over three B0 directions at right angles the kernels cancel, at every frequency."""
    axes, _ = np.linalg.qr(noise(seed, 3, 3).astype(float))
    total = sum(dipole_kernel(shape, voxel_size, b) for b in axes)
    np.testing.assert_allclose(total, 0, atol=1e-6)


@given(shapes, voxel_sizes, directions, st.permutations(range(3)), seeds)
def test_axes_may_be_permuted(shape, voxel_size, b0_dir, order, seed):
    chi = noise(seed, *shape)
    field = forward_field(chi, voxel_size, b0_dir)
    permuted = forward_field(
        chi.transpose(order), [voxel_size[i] for i in order], [b0_dir[i] for i in order]
    )
    assert relative(permuted, field.transpose(order)) < 1e-5


@given(shapes, voxel_sizes, directions, st.sampled_from([(0, 1), (1, 2), (2, 0)]), seeds)
def test_quarter_turn_of_everything_turns_the_field(shape, voxel_size, b0_dir, plane, seed):
    chi = noise(seed, *shape)
    size, b0 = list(voxel_size), list(b0_dir)
    first, second = plane  # np.rot90 carries the second axis to minus the first
    size[first], size[second] = size[second], size[first]
    b0[first], b0[second] = -b0[second], b0[first]
    turned = forward_field(np.rot90(chi, axes=plane), size, b0)
    assert relative(turned, np.rot90(forward_field(chi, voxel_size, b0_dir), axes=plane)) < 1e-5


@given(shapes, voxel_sizes, directions, seeds)
def test_sign_and_length_of_b0_do_not_matter(shape, voxel_size, b0_dir, seed):
    chi = noise(seed, *shape)
    other = forward_field(chi, voxel_size, -3.0 * np.asarray(b0_dir))
    assert relative(other, forward_field(chi, voxel_size, b0_dir)) < 1e-5


def sphere(shape, voxel_size, radius, b0_dir):
    """Return a sphere's susceptibility (partial volumes included) and its analytic field."""
    b = np.asarray(b0_dir) / np.linalg.norm(b0_dir)
    axes = [(np.arange(n) - n // 2) * d for n, d in zip(shape, voxel_size, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"))
    offsets = (np.arange(5) - 2) / 5
    steps = [
        np.array(s) * voxel_size for s in np.stack(np.meshgrid(*[offsets] * 3)).reshape(3, -1).T
    ]
    chi = np.mean(
        [np.linalg.norm(x + s[:, None, None, None], axis=0) <= radius for s in steps], axis=0
    )
    r = np.linalg.norm(x, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.tensordot(b, x, 1) / r
        outside = (radius / r) ** 3 / 3 * (3 * cosine**2 - 1)
    return chi, np.where(r < radius, 0, outside), r


@pytest.mark.parametrize("voxel_size", [(1, 1, 1), (0.8, 1, 1.6)])
@pytest.mark.parametrize("b0_dir", [(0, 0, 1), (0.3, -0.5, 0.81)])
def test_sphere_has_the_analytic_field(voxel_size, b0_dir):
    radius = 8.0
    shape = [int(56 / d) | 1 for d in voxel_size]
    chi, expected, r = sphere(shape, voxel_size, radius, b0_dir)
    field = forward_field(chi, voxel_size, b0_dir, margin=max(shape))
    outside = (r > radius + 3) & (r < 3 * radius)
    error = (field - expected)[outside]
    # an oblique kernel jumps at the Nyquist planes, which rings by a few percent along the axes
    assert np.abs(error).max() < 0.03
    assert np.sqrt(np.mean(error**2)) < 0.0025
    inside = r < radius - 3
    assert np.abs(field[inside]).max() < 0.02
    # the scale, to well below a percent
    slope = np.vdot(field[outside], expected[outside]) / np.vdot(
        expected[outside], expected[outside]
    )
    assert slope == pytest.approx(1, abs=0.005)


def test_padding_keeps_the_field_from_wrapping_around():
    shape = (24, 25, 40)
    chi = np.zeros(shape, np.float32)
    chi[10:14, 10:14, 1:4] = 1.0
    around = [(0, 200 - n) for n in shape]
    exact = forward_field(np.pad(chi, around), (1, 1, 1), margin=0)[:24, :25, :40]
    padded = forward_field(chi, (1, 1, 1))
    wrapped = DipoleConvolution(shape, (1, 1, 1), margin=0)(chi)
    far = (slice(None), slice(None), slice(-5, None))
    assert np.abs(padded - exact)[far].max() < 0.1 * np.abs(wrapped - exact)[far].max()


def test_filter_with_the_kernel_is_the_operator(rng):
    field_of = DipoleConvolution((9, 10, 11), (1, 1, 2), (0, 0.1, 1))
    chi = rng.standard_normal((9, 10, 11))
    np.testing.assert_array_equal(field_of.filter(chi, field_of.kernel), field_of(chi))
    np.testing.assert_allclose(field_of.inverse(field_of.transform(chi)), chi, atol=1e-5)

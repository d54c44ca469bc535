"""The operator for torch is that for NumPy, and both are what they claim to be."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsmbids.physics import DipoleConvolution, noise

torch = pytest.importorskip("torch")

from qsmbids.physics.torch_dipole import Dipole, noise_level  # noqa: E402

SHAPE = (14, 11, 16)
GEOMETRIES = [((1, 1, 1), (0, 0, 1)), ((0.8, 0.8, 2.5), (0.3, -0.2, 0.9))]
directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda b: np.linalg.norm(b) > 0.1)


def tensor(*images):
    return torch.from_numpy(np.stack(images).astype(np.float32))[:, None]


@pytest.fixture
def images(rng):
    chi, field = rng.normal(0, 0.05, (2, *SHAPE)).astype(np.float32)
    weight = rng.uniform(0, 1, SHAPE).astype(np.float32) * (rng.uniform(size=SHAPE) > 0.3)
    return chi, field, weight.astype(np.float32)


@pytest.mark.parametrize(("voxel_size", "b0_dir"), GEOMETRIES)
def test_both_operators_agree_in_all_they_do(images, voxel_size, b0_dir):
    chi, field, weight = images
    arrays, tensors = (kind(SHAPE, voxel_size, b0_dir) for kind in (DipoleConvolution, Dipole.on))
    pairs = [
        (arrays(chi), tensors(tensor(chi))),
        (arrays.adjoint(field), tensors.adjoint(tensor(field))),
        (arrays.solve(field, 0.05), tensors.solve(tensor(field), 0.05)),
        (arrays.prox(chi, field, 0.05), tensors.prox(tensor(chi), tensor(field), 0.05)),
        (
            arrays.prox(chi, field, 0.05, weight),
            tensors.prox(tensor(chi), tensor(field), 0.05, tensor(weight)),
        ),
    ]
    for expected, found in pairs:
        assert expected.dtype == np.float32
        np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.tuples(*[st.integers(3, 10)] * 3), st.tuples(*[st.floats(0.3, 3)] * 3), directions)
def test_adjoint_of_a_batch_is_the_adjoint(shape, voxel_size, b0_dir):
    kernels = [DipoleConvolution(shape, voxel_size, b0) for b0 in (b0_dir, (0, 0, 1))]
    dipole = Dipole.batch([one.kernel for one in kernels], kernels[0].padded)
    x, y = torch.randn(2, 2, 1, *shape, generator=torch.Generator().manual_seed(0))
    left, right = dipole.inner(dipole(x), y), dipole.inner(x, dipole.adjoint(y))
    assert ((left - right).abs() < 1e-4 * x.norm() * y.norm()).all()


def test_batch_keeps_each_image_with_its_own_kernel(images):
    one, two = (DipoleConvolution(SHAPE, (1, 1, 1), b0) for b0 in ((0, 0, 1), (1, 0, 0)))
    both = Dipole.batch([one.kernel, two.kernel], one.padded)
    chi, field, weight = images
    done = both.prox(tensor(chi, chi), tensor(field, field), 0.1, tensor(weight, weight))
    for made, single in zip(done, (one, two), strict=True):
        expected = single.prox(chi, field, 0.1, weight)
        np.testing.assert_allclose(made[0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("voxel_size", "b0_dir"), GEOMETRIES)
def test_proximal_step_has_no_gradient_left(images, voxel_size, b0_dir):
    """Of the cost that it minimises, with a weight and enough steps."""
    chi, field, weight = images
    dipole = Dipole.on(SHAPE, voxel_size, b0_dir)
    x = dipole.prox(tensor(chi), tensor(field), 0.05, tensor(weight), steps=60).requires_grad_()
    misfit = tensor(weight) * (dipole(x) - tensor(field))
    cost = misfit.square().sum() + 0.05 * (x - tensor(chi)).square().sum()
    cost.backward()
    first = dipole.adjoint(tensor(weight**2) * (dipole(tensor(chi)) - tensor(field)))
    assert x.grad.norm() < 1e-4 * first.norm()


def test_proximal_step_passes_gradients_on_and_stays_where_nothing_is_left(images):
    chi, _, weight = images
    dipole = Dipole.on(SHAPE, (1, 1, 1))
    start = tensor(chi).requires_grad_()
    same = dipole.prox(start, dipole(start).detach(), 0.05, tensor(weight))
    torch.testing.assert_close(same, start, rtol=0, atol=1e-6)
    same.sum().backward()
    assert torch.isfinite(start.grad).all()


@pytest.mark.parametrize("kind", ["NumPy", "torch"])
def test_noise_level_finds_the_noise_beneath_a_smooth_field(kind):
    x = torch.linspace(0, 3, 40)
    smooth = torch.sin(x)[:, None, None] * torch.cos(x)[:, None] * torch.ones(40)
    field = smooth + 0.02 * torch.randn(40, 40, 40, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(40, 40, 40)
    mask[:, :5], field[:, :4] = 0, 1e3
    if kind == "torch":
        level = float(noise_level(field[None, None], mask[None, None]))
    else:
        level = noise.noise_level(field.numpy(), mask.numpy() > 0)
    assert level == pytest.approx(0.02, rel=0.05)


def test_physics_imports_no_torch():
    code = "import sys, qsmbids.physics, qsmbids.physics.noise; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

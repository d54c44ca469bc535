"""The way from a scan's voxels to upright cubic ones and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from qsmbids.masking.grids import CubicGrid


def blob(shape, edges, rng):
    """A smooth volume whose features are about 12 mm wide."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), [12 / edge for edge in edges])
    return (noise / noise.std()).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(*[st.integers(24, 60)] * 3),
    st.tuples(*[st.floats(0.8, 3.5)] * 3),
    st.permutations(range(3)),
    st.tuples(*[st.sampled_from((-1, 1))] * 3),
)
def test_there_and_back_a_smooth_volume_stays(shape, edges, order, signs):
    volume = blob(shape, edges, np.random.default_rng(0))
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3)[:, order] * signs) @ np.diag(edges)
    grid = CubicGrid.over(shape, edges, affine, 2.0)
    back = grid.restore(grid.sample(volume))
    assert back.shape == volume.shape
    inner = tuple(slice(4, -4) for _ in range(3))
    assert np.abs(back - volume)[inner].max() < 0.25


def test_axes_are_turned_to_right_anterior_superior():
    """A bright voxel at the scanner's right, front and top comes to the end of every axis."""
    volume = np.zeros((30, 40, 50), np.float32)  # axes: inferior, left, anterior
    volume[2, 3, 46] = 1
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = -2, -2, 2, 1
    turned = CubicGrid.over(volume.shape, (2, 2, 2), affine, 2.0).sample(volume)
    assert turned.shape == (40, 50, 30)
    assert np.unravel_index(turned.argmax(), turned.shape) == (36, 46, 27)


@pytest.mark.parametrize("edge", [0.5, 1.0, 9.0])
def test_a_plane_keeps_its_place_in_millimetres(edge):
    """What rises along an axis rises on the grid as well, by its edge in mm."""
    count = round(180 / edge)
    ramp = np.broadcast_to(np.arange(count, dtype=np.float32) * edge, (12, 12, count)).copy()
    grid = CubicGrid.over(ramp.shape, (4, 4, edge), np.diag([4, 4, edge, 1.0]), 2.0)
    found = grid.sample(ramp)[5, 5]
    assert np.diff(found)[8:-8] == pytest.approx(2.0, abs=1e-3)
    assert found[len(found) // 4 : -len(found) // 4].mean() == pytest.approx(
        ramp[0, 0].mean(), abs=1
    )

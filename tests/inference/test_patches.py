"""Windows of patches: where they lie, and what is cut where they reach beyond the volume."""

from __future__ import annotations

import numpy as np

from qsmbids.inference.patches import cut, random_window


def test_a_window_beyond_the_volume_is_filled_with_zeros():
    image = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1
    patch = cut(image, (slice(-1, 2), slice(1, 5), slice(0, 4)))
    assert patch.shape == (3, 4, 4)
    np.testing.assert_array_equal(patch[1:, :2], image[:, 1:])
    assert not patch[0].any()
    assert not patch[:, 2:].any()


def test_windows_hang_over_by_so_much_and_hold_a_shorter_volume_whole():
    mask = np.ones((12, 6, 30), bool)
    windows = [
        random_window(np.random.default_rng(seed), mask, (8, 10, 30), inside=0.0, overhang=2)
        for seed in range(200)
    ]
    starts = np.array([[w.start for w in window] for window in windows])
    np.testing.assert_array_equal(starts.min(0), (-2, -6, -2))
    np.testing.assert_array_equal(starts.max(0), (6, 2, 2))
    assert all(cut(mask, window).shape == (8, 10, 30) for window in windows)


def test_the_best_of_the_places_tried_is_taken():
    mask = np.zeros((40, 40, 40), bool)
    mask[:8] = True  # no window of 16 has half of it inside
    shares = [
        cut(mask, random_window(np.random.default_rng(seed), mask, (16,) * 3, tries=tries)).mean()
        for tries in (1, 20)
        for seed in range(20)
    ]
    assert np.mean(shares[20:]) > np.mean(shares[:20]) + 0.1

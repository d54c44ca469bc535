"""Phase that was high-pass filtered is recognised, other phase is not doubted."""

from __future__ import annotations

import numpy as np
import pytest

from qsmbids.phase.filtered import high_pass_doubt
from qsmbids.simulation import HeadRecipe, simulate_head

VOXEL = (2.5, 2.5, 2.5)
TIMES = (0.005, 0.012, 0.020)


@pytest.fixture(scope="module")
def head():
    return simulate_head(
        HeadRecipe(
            shape=(66, 82, 82), voxel_size=VOXEL, echo_times=TIMES, field_strength=3.0, snr=60
        )
    )


def homodyne(signal, share):
    """Return the phase of an image less that of its low-pass, a Hanning window in plane."""
    window = np.ones((1, 1))
    for axis in (0, 1):
        length = signal.shape[axis]
        line = np.zeros(length)
        width = int(share * length)
        line[length // 2 - width // 2 :][:width] = np.hanning(width)
        window = window * np.expand_dims(line, 1 - axis)
    space = np.fft.fftshift(np.fft.fft2(signal, axes=(0, 1)), axes=(0, 1)) * window[..., None]
    low = np.fft.ifft2(np.fft.ifftshift(space, axes=(0, 1)), axes=(0, 1))
    return np.angle(signal * low.conj()).astype(np.float32)


def doubt(head, echo, phase):
    return high_pass_doubt(
        phase,
        head.magnitude[echo] * head.brain_mask,
        TIMES[echo],
        field_strength=3.0,
        voxel_size=VOXEL,
    )


@pytest.mark.parametrize("echo", range(3))
def test_the_phase_of_a_head_is_not_doubted(head, echo):
    assert doubt(head, echo, head.phase[echo]) == ""


@pytest.mark.parametrize("echo", range(3))
@pytest.mark.parametrize("share", [0.2, 0.33, 0.5])
def test_filtered_phase_is_doubted_with_cause_and_remedy(head, echo, share):
    signal = head.magnitude[echo] * np.exp(1j * head.phase[echo])
    said = doubt(head, echo, homodyne(signal, share))
    assert "high-pass filtered, as for SWI" in said
    assert "export the unfiltered phase" in said

"""What runs on several threads comes back in order, once each, with its errors."""

import multiprocessing
import threading
import time

import numpy as np
import pytest
import scipy.fft as sf

from qsmbids.physics.slabs import in_slabs, side_by_side


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_are_in_the_order_of_the_works(workers):
    with sf.set_workers(workers):
        assert side_by_side([lambda n=n: n * n for n in range(7)]) == [n * n for n in range(7)]


def test_works_run_at_the_same_time():
    met = threading.Barrier(2, timeout=20)
    with sf.set_workers(2):
        side_by_side([met.wait, met.wait])


def test_what_is_within_a_thread_starts_no_more():
    with sf.set_workers(2):
        inner = side_by_side([lambda: side_by_side([threading.get_ident] * 3)] * 2)
    assert all(len(set(idents)) == 1 for idents in inner)


def test_a_fork_has_threads_of_its_own():
    def twice():
        met = threading.Barrier(2, timeout=10)
        with sf.set_workers(2):
            side_by_side([met.wait, met.wait])

    twice()
    time.sleep(0.2)  # until both threads wait for more
    child = multiprocessing.get_context("fork").Process(target=twice, daemon=True)
    child.start()
    child.join(20)
    assert child.exitcode == 0


def test_an_error_comes_out():
    with sf.set_workers(2), pytest.raises(ZeroDivisionError):
        side_by_side([lambda: 1 / 0, lambda: 1])


def test_every_plane_is_in_one_slab():
    image = np.zeros((70, 90, 80), int)

    def count(slab):
        image[slab] += 1
        return slab.start

    with sf.set_workers(2):
        starts = in_slabs(count, image.shape)
    assert (image == 1).all()
    assert len(starts) > 1
    assert starts == sorted(starts)

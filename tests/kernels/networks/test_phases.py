"""Phases of work: by one thread like their twin, by several each task once and in order."""

import threading
import time

import numpy as np
import pytest
from numba import njit

from fastmf.kernels.networks import phases as kernels
from tests.reference.networks import phases as reference


def run_all(words, board, sizes):
    """Return what happens as one thread runs phases of some sizes."""
    seen = []
    for phase, n_tasks in enumerate(sizes):
        while (task := words.take_task(board, phase)) < n_tasks:
            last = words.end_task(board, phase, n_tasks)
            seen.append((phase, task, last))
            if last:
                words.open_next(board, phase)
        words.wait_for(board, phase)
    return seen


def test_one_thread():
    sizes = [3, 1, 2]
    board = np.zeros((len(sizes), kernels.LINE), np.int64)
    expected = run_all(reference, [[0, 0, 0] for _ in sizes], sizes)
    assert run_all(kernels, board, sizes) == expected


@njit(nogil=True)
def add_up(board, n_tasks, sums, totals):
    """Have each phase add to what the phase before has summed."""
    for phase in range(len(board)):
        while True:
            task = kernels.take_task(board, phase)
            if task >= n_tasks:
                break
            before = totals[phase - 1] if phase else 0
            sums[phase, task] += before + task
            if kernels.end_task(board, phase, n_tasks):
                totals[phase] = sums[phase].sum() % 1_000_003
                kernels.open_next(board, phase)
        kernels.wait_for(board, phase)


def totals_of(n_threads, n_phases=3000, n_tasks=5, late=0.0):
    board = np.zeros((n_phases, kernels.LINE), np.int64)
    sums, totals = np.zeros((n_phases, n_tasks), np.int64), np.zeros(n_phases, np.int64)
    threads = [
        threading.Thread(target=add_up, args=(board, n_tasks, sums, totals))
        for _ in range(n_threads)
    ]
    for thread in threads:
        thread.start()
        time.sleep(late)
    for thread in threads:
        thread.join()
    return totals


@pytest.mark.parametrize("n_threads", [2, 3, 8])  # the last, more than there are processors
def test_several_threads_see_what_the_phase_before_has_left(n_threads):
    np.testing.assert_array_equal(totals_of(n_threads), totals_of(1))


def test_a_thread_that_comes_late_goes_through_what_is_done():
    np.testing.assert_array_equal(totals_of(2, n_phases=20, late=0.05), totals_of(1, n_phases=20))

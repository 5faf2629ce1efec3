"""What counts as 0 against NumPy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from fastmf.kernels import small_numbers as kernels
from fastmf.kernels.vectors import load, store
from tests.reference import small_numbers as reference

NUMBERS = arrays(np.float32, 16, elements=st.floats(width=32))
LIMITS = st.floats(2**-126, 1, width=32)


@njit(nogil=True)
def one_by_one(numbers, limit):
    for at in range(len(numbers)):
        numbers[at] = kernels.large_or_zero(numbers[at], limit)


@njit(nogil=True)
def together(numbers, limit):
    store(numbers, 0, kernels.large_or_zeros(load(numbers, 0), limit))


@settings(deadline=None, max_examples=80)
@given(NUMBERS, LIMITS)
def test_numbers_are_kept_from_a_limit_on_and_where_there_are_none(numbers, limit):
    numbers[:5] = limit, -limit, np.nextafter(np.float32(limit), np.float32(0)), 1e-40, np.nan
    expected = reference.large_or_zero(numbers, np.float32(limit))
    assert np.flatnonzero(expected[:5]).tolist() == [0, 1, 4]
    for kernel in (one_by_one, together):
        found = numbers.copy()
        kernel(found, np.float32(limit))
        np.testing.assert_array_equal(found, expected)


def test_products_of_what_is_kept_are_normal_numbers():
    smallest = np.finfo(np.float32).tiny
    assert min(kernels.SMALL**2, kernels.SMALL_SQUARE) > 1000 * smallest

"""Bits of sixteen lanes against NumPy and Python integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from fastmf.kernels import vector_masks as kernels
from fastmf.kernels.vectors import load, store
from tests.reference import vector_masks as reference

LANES = arrays(np.float32, 16, elements=st.floats(width=32))
CHECKED = settings(deadline=None, max_examples=80)


@njit(nogil=True)
def positive(value):
    return kernels.positive(load(value, 0))


@njit(nogil=True)
def keep(bits, value, out):
    store(out, 0, kernels.keep(bits, load(value, 0)))


@njit(nogil=True)
def drawn(row_key, column, threshold):
    return kernels.drawn(row_key, column, threshold)


def bools(bits):
    return [bool(int(bits) >> lane & 1) for lane in range(16)]


@CHECKED
@given(LANES)
def test_positive(value):
    assert bools(positive(value)) == reference.positive(value).tolist()


def test_what_is_not_a_number_counts_as_positive():
    value = np.array([np.nan, 0, -0.0, np.inf, -np.inf, *[1] * 11], np.float32)
    assert bools(positive(value))[:5] == [True, False, False, True, False]


@CHECKED
@given(st.integers(0, 2**16 - 1), LANES)
def test_keep(bits, value):
    out = np.empty(16, np.float32)
    keep(np.uint16(bits), value, out)
    np.testing.assert_array_equal(out, reference.keep(bits, value))


@CHECKED
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**20), st.integers(0, 2**32 - 1))
def test_drawn(row_key, column, threshold):
    found = drawn(np.uint32(row_key), column, np.uint32(threshold))
    assert bools(found) == reference.drawn(row_key, column, threshold).tolist()


@pytest.mark.parametrize(("threshold", "rate"), [(0, 0.0), (2**31, 0.5), (2**32 - 1, 1.0)])
def test_the_rate(threshold, rate):
    bits = [drawn(np.uint32(key), 0, np.uint32(threshold)) for key in range(1000)]
    assert 1 - np.mean([bools(one) for one in bits]) == pytest.approx(rate, abs=0.02)

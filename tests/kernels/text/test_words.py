"""Words of text against Python's integers."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

from fastmf.kernels.text import words as kernels
from tests.reference.text import words as reference


@njit
def trailing_zeros(word):
    return kernels.trailing_zeros(word)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=20), st.data())
def test_eight_bytes_are_one_number(written, data):
    at = data.draw(st.integers(0, len(written)))
    text = np.frombuffer(written, np.uint8)
    assert kernels.eight_bytes(text, np.int64(at)) == reference.eight_bytes(written, at)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**64 - 1) | st.integers(0, 63).map(lambda bit: 1 << bit))
@example(0)
@example(2**64 - 1)
def test_zeros_below_the_lowest_bit_are_counted(word):
    assert trailing_zeros(np.uint64(word)) == reference.trailing_zeros(word)

"""Blocks of a triangle against the elements they should hold."""

import numpy as np
import pytest

from fastmf.kernels.alternating.normal_equations import stride_of
from fastmf.kernels.alternating.triangle_blocks import SHAPES, triangle_blocks
from tests.reference.alternating import triangle_blocks as reference


@pytest.mark.parametrize("size", range(1, 300))
def test_every_element_of_the_triangle_is_in_one_block(size):
    for stride in {stride_of(size - 1), -(-size // 16) * 16}:
        first = stride - size
        times = reference.held(triangle_blocks(stride, size), SHAPES, stride)
        upper = np.triu(np.ones((size, size), bool))
        assert (times[first:, first:][upper] == 1).all()
        # What else is in one is zero, or of the sixteen rows and columns of the diagonal.
        row, column = np.nonzero(times)
        assert (row // 16 * 16 <= column).all()
        assert (row // 16 >= first // 16).all()


def test_no_shape_needs_more_registers_than_there_are():
    for parts in SHAPES:
        sums = sum(height * vectors for height, vectors in parts)
        assert sums + sum(vectors for _, vectors in parts) + 1 <= 32


@pytest.mark.parametrize(
    ("factors", "sums"), [(16, 24), (32, 54), (50, 112), (64, 170), (128, 594)]
)
def test_few_sums_beside_those_of_the_triangle(factors, sums):
    """A bias and a target are solved with the factors."""
    blocks = triangle_blocks(stride_of(factors + 1), factors + 2)
    assert sum(h * v for shape, *_ in blocks for h, v in SHAPES[shape]) == sums

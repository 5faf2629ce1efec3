"""Folded lanes against NumPy's sums."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels.vector_folds import fold
from fastmf.kernels.vectors import load, store
from tests.reference import vector_folds as reference


@pytest.mark.parametrize("width", [16, 8, 4, 2])
def test_groups_of_two_vectors_are_halved_side_by_side(width):
    generator = np.random.default_rng(0)
    run = njit(lambda a, b, out: store(out, 0, fold(load(a, 0), load(b, 0), width)))
    left, right = generator.standard_normal((2, 16)).astype(np.float32)
    out = np.zeros(16, np.float32)
    run(left, right, out)
    np.testing.assert_array_equal(out, reference.fold(left, right, width))

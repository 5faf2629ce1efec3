"""Sums, quotients and square roots of lanes against NumPy's."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels import vector_roots
from fastmf.kernels.vectors import load, store
from tests.reference import vector_roots as reference


def compiled(name):
    function = getattr(vector_roots, name)
    if name == "square_root":
        return njit(lambda left, right, out: store(out, 0, function(load(left, 0))))
    return njit(lambda left, right, out: store(out, 0, function(load(left, 0), load(right, 0))))


@pytest.mark.parametrize("name", vector_roots.__all__)
def test_lanes_are_rounded_as_by_numpy(name):
    generator = np.random.default_rng(0)
    run = compiled(name)
    for _ in range(20):
        left, right = (10.0 ** generator.uniform(-15, 15, (2, 16))).astype(np.float32)
        out = np.zeros(16, np.float32)
        run(left, right, out)
        twin = getattr(reference, name)
        np.testing.assert_array_equal(
            out, twin(left) if name == "square_root" else twin(left, right)
        )

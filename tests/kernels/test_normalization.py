"""Batch normalization, kernel by kernel, against NumPy."""

import numpy as np
import pytest

from fastmf.kernels import normalization as kernels
from tests.reference import normalization as reference

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


class Case:
    def __init__(self, shape):
        rng = np.random.default_rng(0)
        self.x, self.dy = rng.standard_normal((2, *shape)).astype(np.float32)
        self.columns = rng.random((6, shape[1])).astype(np.float32) + 0.5
        self.mean, self.inverse, self.scale, self.shift, *self.means = self.columns


@pytest.fixture(params=[(1, 1), (5, 3), (70, 33)])
def case(request):
    return Case(request.param)


def test_moments(case):
    sums, squares = np.full((2, case.x.shape[1]), 7.0)
    kernels.column_moments(case.x, sums, squares)
    np.testing.assert_allclose((sums, squares), reference.column_moments(case.x), rtol=1e-12)


def test_normalized(case):
    terms = case.x, case.mean, case.inverse, case.scale, case.shift
    out = np.full_like(case.x, 7)
    kernels.normalize(*terms, out)
    np.testing.assert_allclose(out, reference.normalize(*terms), **CLOSE)


def test_sums_of_gradients(case):
    terms = case.dy, case.x, case.mean, case.inverse
    out = np.full((2, case.x.shape[1]), 7, np.float32)
    kernels.normalize_sums(*terms, *out)
    np.testing.assert_allclose(out, reference.normalize_sums(*terms), **CLOSE)


def test_gradient_by_the_input(case):
    terms = case.dy, case.x, case.mean, case.inverse, case.scale, *case.means
    expected = reference.normalize_gradient(*terms)
    kernels.normalize_gradient(*terms)
    np.testing.assert_allclose(case.dy, expected, **CLOSE)

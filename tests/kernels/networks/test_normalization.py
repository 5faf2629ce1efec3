"""Batch normalization, kernel by kernel, against NumPy."""

import numpy as np
import pytest

from fastmf.kernels.networks import normalization as kernels
from tests.reference.networks import normalization as reference

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


@pytest.mark.parametrize("n", [1, 2, 40])
def test_terms_of_all_shards_sums(n):
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (n, 5))
    halves = x[: n // 2], x[n // 2 :]
    moments = np.full((3, 2, 8), 7.0)
    for shard, half in enumerate(halves):
        moments[shard, :, 2:7] = half.sum(axis=0), (half**2).sum(axis=0)
    found = rng.random((4, 5)).astype(np.float32)
    mean, inverse, *running = found
    terms = n, 0.1, 1e-5, *running
    expected = reference.moment_terms(moments[:2, :, 2:7], *map(np.copy, terms))
    kernels.moment_terms(moments, 2, 2, *terms, mean, inverse)
    np.testing.assert_allclose(found, expected, **CLOSE)


@pytest.mark.parametrize("n", [1, 30])
def test_means_of_all_shards_gradients(n):
    parts = np.random.default_rng(0).standard_normal((3, 9)).astype(np.float32)
    means = np.full(4, 7, np.float32)
    kernels.gradient_means(parts, 2, 3, n, means)
    np.testing.assert_allclose(means, reference.gradient_means(parts[:2, 3:7], n), **CLOSE)

"""Biases and rectifiers against NumPy."""

import numpy as np
import pytest

from fastmf.kernels.networks import activations as kernels
from tests.reference.networks import activations as reference

SHAPES = [(1, 1), (5, 3), (33, 100), (7, 16)]


def arrays(shape, n, dtype=np.float32):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for _ in range(n)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["add_bias", "add_bias_relu"])
def test_biases(name, shape):
    z, other = arrays(shape, 2)
    bias = other[0].copy()
    expected = getattr(reference, name)(z, bias)
    getattr(kernels, name)(z, bias)
    np.testing.assert_array_equal(z, expected)


def test_what_is_not_a_number_passes_the_rectifier():
    z = np.array([[np.nan, -np.inf, np.inf]], np.float32)
    kernels.add_bias_relu(z, np.zeros(3, np.float32))
    np.testing.assert_array_equal(z, [[np.nan, 0, np.inf]])


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_columns(shape):
    (dy,) = arrays(shape, 1)
    sums = np.full(shape[1], 7, np.float32)
    kernels.column_sums(dy, sums)
    np.testing.assert_allclose(sums, reference.column_sums(dy), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_of_a_rectifier(shape):
    dy, y = arrays(shape, 2)
    y[0, 0] = 0
    sums = np.full(shape[1], 7, np.float32)
    passed, expected = reference.relu_gradient(dy, y)
    kernels.relu_gradient(dy, y, sums)
    np.testing.assert_array_equal(dy, passed)
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-5)

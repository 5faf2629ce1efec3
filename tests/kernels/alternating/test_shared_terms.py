"""What rows have beside their ratings against NumPy."""

import numpy as np
import pytest
from numba import njit

from fastmf.kernels.alternating import shared_terms as kernels
from fastmf.kernels.alternating.normal_equations import system_of
from tests.reference.alternating import shared_terms as reference

read_row, write_row = kernels.read_row, kernels.write_row
set_weights, set_shared = kernels.set_weights, kernels.set_shared
weighted_square = kernels.weighted_square


@njit
def shared(base, system, ridge, bias_ridge, vector, weights, out):
    """Set weights and the image of a vector; return two quadratic forms."""
    set_weights(system, ridge, bias_ridge, weights)
    form = set_shared(base, system.stride, weights, vector, out)
    return form, weighted_square(vector, weights, system.stride)


@pytest.mark.parametrize("kind", ["none", "diagonal", "whole"])
@pytest.mark.parametrize("biased", [True, False])
def test_the_image_of_a_vector(kind, biased):
    system = system_of(20, biased=biased)
    rng = np.random.default_rng(0)
    half = rng.standard_normal((32, 32)).astype(np.float32)
    whole = half @ half.T
    base = {"none": np.zeros(0, np.float32), "diagonal": np.diag(whole).copy(), "whole": whole}
    vector, weights, out = rng.standard_normal((3, 32)).astype(np.float32)
    given = base[kind].ravel(), system, np.float32(0.5), np.float32(0.25), vector, weights, out
    form, square = shared(*given)
    expected = np.where((np.arange(32) >= 11) & (np.arange(32) < 31), 0.5, 0)
    expected[30] = 0.25 if biased else 0.5
    np.testing.assert_array_equal(weights, expected)
    of_base = base[kind] if base[kind].size else np.zeros(32)
    image = reference.image(of_base, expected, vector)
    np.testing.assert_allclose(out, image, rtol=1e-4, atol=1e-4)
    assert form == pytest.approx(image @ vector, rel=1e-4)
    assert square == pytest.approx(expected @ vector.astype(np.float64) ** 2, rel=1e-5)


@njit
def there_and_back(own, row, system, x, out):
    """Read a row, and write it to another table; write one of no ratings behind it."""
    read_row(own, row, system, system.stride, x)
    write_row(out, row, system, system.stride, x)
    write_row(out, row + 1, system, system.stride, None)


@pytest.mark.parametrize("biased", [True, False])
def test_rows_are_read_and_written(biased):
    system = system_of(20, biased=biased)
    own = np.random.default_rng(0).standard_normal((3, 32)).astype(np.float32)
    own[:, -2 if biased else -1] = 1 if biased else 0
    x, out = np.full(32, np.nan, np.float32), np.full((3, 32), np.nan, np.float32)
    there_and_back(own.ravel(), 1, system, x, out.ravel())
    np.testing.assert_array_equal(x, reference.unknowns(own[1], biased=biased))
    np.testing.assert_array_equal(out[1], own[1])
    assert out[2].tolist() == [0] * 30 + [1 if biased else 0, 0]
    assert np.isnan(out[0]).all()


def test_what_is_too_small_to_matter_is_written_as_zero():
    system = system_of(20, biased=False)
    own = np.full((3, 32), 1e-30, np.float32)
    own[1, 10:14] = [2e-16, -3e-16, np.nan, 0.5]
    x, out = np.zeros(32, np.float32), np.ones((3, 32), np.float32)
    there_and_back(own.ravel(), 1, system, x, out.ravel())
    expected = np.zeros(32, np.float32)
    expected[10:14] = own[1, 10:14]
    np.testing.assert_array_equal(out[1], expected)

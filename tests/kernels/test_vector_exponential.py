"""The exponential of lanes against NumPy's."""

import numpy as np
from numba import njit

from fastmf.kernels.vector_exponential import exponential
from fastmf.kernels.vectors import load, store
from tests.reference import vector_exponential as reference


@njit
def run(values, out):
    for at in range(0, len(values), 16):
        store(out, at, exponential(load(values, at)))


def found(values):
    out = np.zeros_like(values)
    run(values, out)
    return out


def test_it_is_exact_to_two_units_in_the_last_place():
    values = np.concatenate([np.linspace(-90, 90, 160_000), np.linspace(-1, 1, 16_000)])
    values = values.astype(np.float32)
    expected = reference.exponential(values)
    np.testing.assert_allclose(found(values), expected, rtol=2.5e-7)


def test_ends_stay_ends():
    values = np.zeros(16, np.float32)
    values[:4] = np.inf, -np.inf, np.nan, 0
    out = found(values)
    assert out[0] > 1e38
    assert 0 < out[1] < 1e-37
    assert np.isnan(out[2])
    assert out[3] == 1

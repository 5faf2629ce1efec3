"""Dropout against Python integers, and as random as it should be."""

import numpy as np
import pytest

from fastmf.kernels.networks import dropout as kernels
from tests.reference.networks import dropout as reference

KEY, SCALE = np.uint64(2**63 + 12345), np.float32(1.25)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.999])
def test_the_same_elements_as_the_twin(rate):
    x = np.random.default_rng(0).standard_normal((5, 37)).astype(np.float32)
    out = np.full_like(x, 7)
    threshold = np.uint32(rate * 2**32)
    kernels.drop(x, KEY, 1000, threshold, SCALE, out)
    expected = reference.drop(x, int(KEY), 1000, int(threshold), SCALE)
    np.testing.assert_array_equal(out, expected)


def dropped(rows, columns, rate, key=KEY, first_row=0):
    out = np.ones((rows, columns), np.float32)
    kernels.drop(out, key, first_row, np.uint32(rate * 2**32), np.float32(1), out)
    return out == 0


def test_rows_are_the_same_wherever_a_shard_begins():
    whole = dropped(20, 50, 0.5)
    np.testing.assert_array_equal(whole[7:], dropped(13, 50, 0.5, first_row=7))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_rate_is_kept_in_rows_and_columns(rate):
    zeros = dropped(2000, 500, rate)
    assert zeros.mean() == pytest.approx(rate, abs=0.002)
    # Six standard deviations of a binomial.
    for axis in (0, 1):
        n = zeros.shape[axis]
        far = np.abs(zeros.mean(axis=axis) - rate).max()
        assert far < 6 * np.sqrt(rate * (1 - rate) / n)


def test_neighbours_and_steps_are_uncorrelated():
    one, other = dropped(2000, 500, 0.5), dropped(2000, 500, 0.5, key=KEY + np.uint64(1))
    for shifted in (other, np.roll(one, 1, axis=0), np.roll(one, 1, axis=1)):
        correlation = np.corrcoef(one.ravel(), shifted.ravel())[0, 1]
        assert abs(correlation) < 6 / np.sqrt(one.size)

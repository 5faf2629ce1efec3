"""Where pairs of rows meet, against NumPy."""

import numpy as np
import pytest

from fastmf.data.arrays import frozen
from fastmf.kernels.networks import pair_ends as kernels
from fastmf.kernels.networks.pair_rows import Shown
from tests.reference.networks import pair_ends as reference

N, FIRST = 9, 4


def shown(rng, n_rows, factors, stride, n_outputs, column, bias):
    places = rng.integers(0, n_rows, FIRST + N).astype(np.int32)
    inputs = rng.standard_normal((n_rows, stride)).astype(np.float32)
    halves = rng.standard_normal((n_rows, n_outputs)).astype(np.float32)
    return (
        Shown(frozen(places), inputs.ravel(), halves.ravel(), stride, column, factors, bias),
        inputs[places[FIRST:]],
        halves[places[FIRST:]],
    )


@pytest.mark.parametrize("n_outputs", [1, 16, 37])
@pytest.mark.parametrize(("has_bias", "rectified"), [(False, False), (True, False), (True, True)])
def test_halves_are_joined(n_outputs, has_bias, rectified):
    rng = np.random.default_rng(0)
    users, _, of_users = shown(rng, 6, 5, 16, n_outputs, 0, -1)
    items, _, of_items = shown(rng, 3, 5, 16, n_outputs, 0, -1)
    bias = rng.standard_normal(n_outputs).astype(np.float32)
    out = np.full((N, n_outputs), 7, np.float32)
    kernels.join_halves(users, items, n_outputs, FIRST, has_bias, bias, rectified, out)
    expected = reference.join_halves(of_users, of_items, bias if has_bias else None, rectified)
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("stride", [16, 48])
def test_rows_are_joined(stride):
    rng = np.random.default_rng(0)
    users, _, of_users = shown(rng, 6, 5, 16, stride, 0, -1)
    items, _, of_items = shown(rng, 3, 5, 16, stride, 0, -1)
    at, rows = 16, 4
    out = np.full(at + N * stride, 7, np.float32)
    kernels.join_rows(users, items, stride, FIRST + 2, rows, FIRST + N, out, at)
    expected = reference.join_halves(of_users, of_items, None, rectified=False)
    found = out[at : at + rows * stride].reshape(rows, stride)
    np.testing.assert_array_equal(found, expected[2 : 2 + rows].astype(np.float32))
    assert (out[:at] == 7).all()
    assert (out[at + rows * stride :] == 7).all()


def test_what_is_not_a_number_passes_the_rectifier():
    rng = np.random.default_rng(0)
    users, items = (shown(rng, 1, 5, 16, 2, 0, -1)[0] for _ in range(2))
    users.halves[0] = np.nan
    out = np.zeros((N, 2), np.float32)
    kernels.join_halves(users, items, 2, FIRST, True, np.zeros(2, np.float32), True, out)
    assert np.isnan(out[:, 0]).all()
    assert np.isfinite(out[:, 1]).all()


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("factors", [1, 16, 21])
def test_squared_errors(factors, biased):
    rng = np.random.default_rng(0)
    user_bias, item_bias = (0, factors) if biased else (-1, -1)
    users, user_rows, _ = shown(rng, 6, factors, 32, 1, int(biased), user_bias)
    items, item_rows, _ = shown(rng, 3, factors, 32, 1, 0, item_bias)
    output = rng.standard_normal((N, 1)).astype(np.float32)
    targets = rng.standard_normal(FIRST + N).astype(np.float32)
    errors = np.full(N, 7, np.float32)
    total = kernels.lose_squares(output, users, items, FIRST, N, frozen(targets), errors)
    scores = reference.scores(output[:, 0], user_rows, item_rows, factors, biased)
    expected = reference.lose_squares(scores, targets[FIRST:])
    assert total == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(errors, expected[1], rtol=1e-4, atol=1e-6)

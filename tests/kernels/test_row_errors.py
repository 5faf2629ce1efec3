"""Errors of padded rows against the formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.links import Link
from fastmf.kernels.row_errors import block_errors, pair_errors
from tests.kernels.sgd_inputs import (
    N_ITEMS,
    N_USERS,
    levels_of,
    packed,
    random_batches,
    random_model,
    rated,
    rows_of,
)
from tests.reference import row_errors as reference

LIMITS = (2.0, 4.5)
LINKS = [Link.identity(3.1, LIMITS), Link.sigmoid(0.3, (1.0, 5.0), LIMITS)]
every_link = pytest.mark.parametrize("link", LINKS, ids=["identity", "sigmoid"])


def error_inputs(rng, k, m):
    model = random_model(rng, k)
    users, items = rows_of(model, k)
    pairs = rng.integers(0, N_USERS, m), rng.integers(0, N_ITEMS, m)
    pairs = [frozen(index, np.int32) for index in pairs]
    return model, users, items, pairs, frozen(rng.uniform(1, 5, m), np.float32)


def errors(users, items, pairs, ratings, scale, link):
    stride = np.int64(users.shape[1])
    rows = users.reshape(-1), items.reshape(-1)
    *sums, count = pair_errors(*pairs, ratings, *rows, stride, np.float32(scale), link)
    assert count == len(ratings)
    return np.array(sums)


@every_link
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 70), m=st.integers(0, 40))
def test_errors_of_clipped_predictions_equal_the_formula(link, seed, k, m):
    rng = np.random.default_rng(seed)
    model, users, items, pairs, ratings = error_inputs(rng, k, m)
    sums = errors(users, items, pairs, ratings, 1.3, link)
    expected = reference.pair_errors(model, *pairs, ratings, 1.3, link)
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-5)


@every_link
@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("k", [5, 20])
def test_errors_of_a_block_equal_the_formula(link, coded, k):
    rng = np.random.default_rng(k)
    model, levels, batches = random_model(rng, k), levels_of(rng), random_batches(rng, 30)
    users, items = rows_of(model, k)
    words, values = packed(batches, levels, coded=coded)
    numbers = [np.float32(number) for number in (1.3, 3.2, 0.9)]
    *sums, count = block_errors(
        words,
        values,
        levels,
        np.int64(2),
        np.int64(30),
        users.reshape(-1),
        items.reshape(-1),
        np.int64(users.shape[1]),
        numbers[0],
        link,
        *numbers[1:],
    )
    part = rated(batches[2:], levels)
    assert count == sum(len(batch[1]) for batch in part)
    expected = reference.block_errors(model, part, numbers[0], link, *numbers[1:])
    np.testing.assert_allclose(sums, expected, rtol=1e-5)


@pytest.mark.parametrize("make", [Link.identity, lambda _, limits: Link.sigmoid(0, (0, 6), limits)])
def test_errors_use_the_limits(make):
    rng = np.random.default_rng(4)
    model, users, items, pairs, ratings = error_inputs(rng, 20, 300)
    wide = reference.pair_errors(model, *pairs, ratings, 1, make(3, (-100, 100)))
    for limits in ((-100, 3), (3, 100), (2.5, 3.5)):
        sums = errors(users, items, pairs, ratings, 1, make(3, limits))
        expected = reference.pair_errors(model, *pairs, ratings, 1, make(3, limits))
        np.testing.assert_allclose(sums, expected, rtol=1e-5)
        assert not np.allclose(expected, wide, rtol=1e-3)


@every_link
@pytest.mark.parametrize("where", ["user", "item", "rating"])
def test_nan_stays_nan_in_the_errors(link, where):
    rng = np.random.default_rng(5)
    _, users, items, pairs, ratings = error_inputs(rng, 20, 50)
    ratings = ratings.copy()
    array = {"user": users[pairs[0][7]], "item": items[pairs[1][7]], "rating": ratings}[where]
    array[7] = np.nan
    assert np.isnan(errors(users, items, pairs, frozen(ratings), 1, link)).all()

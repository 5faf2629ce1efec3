"""One pass over ratings, against NumPy."""

import numpy as np
import pytest

from fastmf import Ratings, random_split
from fastmf.errors import DataError
from fastmf.models.networks.census import take_census
from fastmf.parallel import Team


def ratings_of(values):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 40, len(values)), np.arange(len(values))
    return Ratings.from_arrays(users, items, values)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_figures_are_those_of_numpy(threads):
    values = np.random.default_rng(1).integers(1, 11, 3000) / 2
    train, _ = random_split(ratings_of(values), 0.3)
    with Team(threads) as team:
        census = take_census(train, team, 2.5)
    value = train.value.astype(np.float64)
    assert census.n_ratings == len(train)
    assert census.mean == pytest.approx(value.mean(), rel=1e-12)
    assert census.spread == pytest.approx(value.std(), rel=1e-9)
    assert census.levels == tuple(np.unique(value).tolist())
    assert census.n_above == np.count_nonzero(value > 2.5)
    assert census.rating_range == (0.5, 5.0)
    np.testing.assert_array_equal(
        census.user_counts, np.bincount(train.user_index, minlength=train.n_users)
    )
    np.testing.assert_array_equal(
        census.item_counts, np.bincount(train.item_index, minlength=train.n_items)
    )


@pytest.mark.parametrize(("n", "known"), [(255, True), (256, False)])
def test_up_to_255_levels_are_told(n, known):
    with Team(1) as team:
        census = take_census(ratings_of(np.arange(3000) % n), team)
    assert (census.levels is not None) == known


def test_equal_ratings_have_a_spread_of_one():
    with Team(1) as team:
        census = take_census(ratings_of(np.full(50, 1e6 + 0.3)), team)
    assert (census.spread, len(census.levels)) == (1.0, 1)


def test_nothing_is_refused():
    ratings = ratings_of(np.arange(9))
    with Team(1) as team, pytest.raises(DataError, match="no ratings"):
        take_census(ratings.select(np.zeros(2, np.uint8)), team)

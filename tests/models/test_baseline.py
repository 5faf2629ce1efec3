"""The bias-only baseline against the formula."""

import numpy as np
import pytest

from fastmf import Ratings, random_split
from fastmf.models.baseline import fit_bias_baseline
from fastmf.parallel import Team
from tests.models.tables import planted


def fit(ratings, threads=1):
    with Team(threads) as team:
        return fit_bias_baseline(ratings, team)


def formula(ratings):
    users, items = ratings.user_index, ratings.item_index
    values = ratings.value.astype(np.float64)
    mean = values.mean()
    item_bias = np.zeros(ratings.n_items)
    for item in range(ratings.n_items):
        mine = values[items == item]
        item_bias[item] = (mine - mean).sum() / (25 + len(mine))
    user_bias = np.zeros(ratings.n_users)
    for user in range(ratings.n_users):
        mine = users == user
        user_bias[user] = (values[mine] - mean - item_bias[items[mine]]).sum() / (10 + mine.sum())
    return mean, user_bias, item_bias


@pytest.mark.parametrize("part", ["whole", "selection"])
def test_damped_means(part):
    ratings = planted(2000, 80, 60)
    if part == "selection":
        ratings, _ = random_split(ratings, 0.8)
    baseline, expected = fit(ratings), formula(ratings)
    assert baseline.mean == pytest.approx(expected[0])
    np.testing.assert_allclose(baseline.user_bias, expected[1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(baseline.item_bias, expected[2], rtol=1e-5, atol=1e-7)
    assert baseline.user_bias.dtype == baseline.item_bias.dtype == np.float32


def test_the_same_bits_for_any_number_of_threads(monkeypatch):
    ranges = Ratings.ranges
    monkeypatch.setattr(Ratings, "ranges", lambda self, rows=97: ranges(self, min(rows, 97)))
    ratings = planted(5000, 80, 90, noise=1.0)
    results = [fit(ratings, threads) for threads in (1, 2, 5)]
    for result in results[1:]:
        assert [np.asarray(x).tobytes() for x in result] == [
            np.asarray(x).tobytes() for x in results[0]
        ]
    np.testing.assert_allclose(results[0].user_bias, formula(ratings)[1], rtol=1e-5, atol=1e-7)

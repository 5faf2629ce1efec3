"""Numbers that describe ratings, against their plain NumPy definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Ratings, random_split
from fastmf.data.summary import QUANTILES, summarize_ratings

rows = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(-5, 25)),
    min_size=1,
    max_size=200,
    unique_by=lambda row: row[:2],
)


@settings(deadline=None, max_examples=50)
@given(rows)
def test_counts_and_moments(table):
    users, items, values = (np.array(column) for column in zip(*table, strict=True))
    summary = summarize_ratings(Ratings.from_arrays(users, items, values))
    of_user = np.unique(users, return_counts=True)[1]
    of_item = np.unique(items, return_counts=True)[1]
    assert summary.n_ratings == len(table)
    assert (summary.n_users, summary.n_items) == (len(of_user), len(of_item))
    assert summary.density == pytest.approx(len(table) / (len(of_user) * len(of_item)))
    assert summary.mean == pytest.approx(values.mean(), abs=1e-9)
    assert summary.std == pytest.approx(values.std(), abs=1e-6)
    assert summary.user_quantiles == pytest.approx(np.quantile(of_user, QUANTILES))
    assert summary.item_quantiles == pytest.approx(np.quantile(of_item, QUANTILES))
    assert sum(bar.n_ratings for bar in summary.histogram) == len(table)


def test_few_values_have_a_bar_each():
    values = np.repeat([0.5, 1.0, 5.0], [3, 2, 1])
    summary = summarize_ratings(Ratings.from_arrays(np.arange(6), np.arange(6) % 2, values))
    assert summary.histogram == ((0.5, 0.5, 3), (1.0, 1.0, 2), (5.0, 5.0, 1))


def test_many_values_share_bars_even_when_they_appear_late():
    # The first chunk of rows has one value only; the bars must count its rows all the same.
    n = (1 << 20) + 1000
    values = np.full(n, 3.0, np.float32)
    values[-1000:] = np.linspace(0, 10, 1000)
    ratings = Ratings.from_arrays(np.arange(n), np.arange(n) % 7, values)
    bars = summarize_ratings(ratings).histogram
    counts, edges = np.histogram(values, np.linspace(0, 10, 11))
    assert [bar.n_ratings for bar in bars] == counts.tolist()
    assert [bar.low for bar in bars] == edges[:-1].tolist()
    assert bars[-1].high == 10.0


def test_a_selection_counts_its_own_users_items_and_times():
    n = 1000
    time = np.arange(n) + 10**9
    ratings = Ratings.from_arrays(np.arange(n), np.arange(n) % 10, np.arange(n) % 5, time)
    _, part = random_split(ratings, 0.01)
    summary = summarize_ratings(part)
    assert (summary.n_ratings, summary.n_users) == (10, 10)
    assert (summary.first_time, summary.last_time) == (part.time.min(), part.time.max())


def test_without_times():
    summary = summarize_ratings(Ratings.from_arrays([1, 2], [1, 2], [3, 4]))
    assert summary.first_time is None
    assert summary.last_time is None

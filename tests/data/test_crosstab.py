"""Who has the most ratings, and what is in the cells of a crosstab."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Ratings
from fastmf.data.crosstab import most_rated
from fastmf.data.summary import summarize_ratings


@given(st.lists(st.integers(0, 6), min_size=1, max_size=50), st.integers(1, 20))
def test_the_most_rated_come_in_order_and_the_first_of_equals_first(counts, n):
    wanted = sorted((-count, place) for place, count in enumerate(counts) if count > 0)[:n]
    assert most_rated(np.array(counts), n).tolist() == [place for _, place in wanted]


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 25), st.integers(0, 20)), st.integers(-3, 9), min_size=1
    )
)
def test_cells_and_means(table):
    users, items = (np.array(ids) for ids in zip(*table, strict=True))
    values = np.array(list(table.values()))
    ratings = Ratings.from_arrays(users, items, values)
    crosstab = summarize_ratings(ratings).crosstab
    raw_users = ratings.users.take(crosstab.users).tolist()
    raw_items = ratings.items.take(crosstab.items).tolist()
    assert len(raw_users) == min(15, len(set(users.tolist())))
    for row, user in enumerate(raw_users):
        assert crosstab.user_counts[row] == np.count_nonzero(users == user)
        np.testing.assert_allclose(crosstab.user_means[row], values[users == user].mean())
        for column, item in enumerate(raw_items):
            wanted = table.get((user, item), np.nan)
            np.testing.assert_equal(float(crosstab.cells[row, column]), float(wanted))
    for column, item in enumerate(raw_items):
        assert crosstab.item_counts[column] == np.count_nonzero(items == item)
        np.testing.assert_allclose(crosstab.item_means[column], values[items == item].mean())

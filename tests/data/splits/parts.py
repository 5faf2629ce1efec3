"""Ratings to split, and what every split must keep."""

import numpy as np
import pandas as pd

from fastmf import Ratings


def make_ratings(n_rows, *, n_users=60, n_items=200, n_times=1000, seed=0):
    """Return ratings of unique pairs, few and many a user, in random order, with times."""
    generator = np.random.default_rng(seed)
    cells = np.unique((n_users * generator.random(6 * n_rows) ** 3).astype(int) * n_items
                      + generator.integers(0, n_items, 6 * n_rows))  # fmt: skip
    cells = generator.permutation(cells)[:n_rows]
    return Ratings.from_arrays(
        cells // n_items,
        cells % n_items,
        generator.integers(1, 11, len(cells)) / 2,
        generator.integers(0, n_times, len(cells)) + 1_000_000_000,
    )


def frame_of(ratings):
    """Return the rows as a table of dense indices."""
    return pd.DataFrame(
        {
            "user": ratings.user_index,
            "item": ratings.item_index,
            "rating": ratings.value,
            "time": ratings.time,
        }
    )


def parted(ratings, train, held_out):
    """Check that two views hold every row once, and share its columns."""
    assert len(train) + len(held_out) == len(ratings)
    assert min(len(train), len(held_out)) > 0
    assert not (train.selected_rows & held_out.selected_rows).any()
    np.testing.assert_array_equal(
        train.selected_rows | held_out.selected_rows, ratings.selected_rows
    )
    assert train.users is held_out.users is ratings.users
    assert train.n_rows == held_out.n_rows == ratings.n_rows

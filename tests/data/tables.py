"""Generated ratings, and what they must look like once read."""

from pathlib import Path

import numpy as np
import pandas as pd

from fastmf.data import Ratings


def make_frame(n_rows: int = 500, *, text: bool = False, seed: int = 0) -> pd.DataFrame:
    """Return ratings without duplicate pairs, in random order."""
    generator = np.random.default_rng(seed)
    cells = generator.choice(60 * 50, n_rows, replace=False)
    users, items = cells // 50 * 13 + 5, cells % 50 - 7
    return pd.DataFrame(
        {
            "userId": [f"Ü{user}" for user in users] if text else users,
            "movieId": [f"item {item}" for item in items] if text else items,
            "rating": generator.integers(1, 11, n_rows) / 2,
            "timestamp": generator.integers(900_000_000, 1_600_000_000, n_rows),
        }
    )


def assert_same(ratings: Ratings, frame: pd.DataFrame, *, time: bool = True) -> None:
    """Check that ratings hold the rows of a frame, ids numbered in order of appearance."""
    users, items, values = (frame.iloc[:, column].to_numpy() for column in range(3))
    assert len(ratings) == ratings.n_rows == len(frame)
    for ids, index, vocabulary in (
        (users, ratings.user_index, ratings.users),
        (items, ratings.item_index, ratings.items),
    ):
        codes, unique = pd.factorize(ids)
        np.testing.assert_array_equal(index, codes)
        assert vocabulary.take(np.arange(len(vocabulary))).tolist() == list(unique)
        np.testing.assert_array_equal(vocabulary.lookup(ids), codes)
    np.testing.assert_array_equal(ratings.value, values.astype(np.float32))
    assert ratings.rating_range == (values.astype(np.float32).min(), values.max())
    if time:
        np.testing.assert_array_equal(ratings.time, frame.iloc[:, 3])
    else:
        assert ratings.time is None


def write_text(path: Path, frame: pd.DataFrame, **options: object) -> Path:
    """Write a frame as delimited text."""
    frame.to_csv(path, index=False, **options)
    return path

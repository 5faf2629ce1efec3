"""What a table of ratings looks like in numbers, gathered in one pass of bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastmf.data.arrays import Array
from fastmf.data.ratings import Ratings
from fastmf.kernels.pairs import count_rows

__all__ = ["QUANTILES", "HistogramBar", "RatingsSummary", "summarize_ratings"]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

# More distinct ratings than this are counted in bars of equal width.
_MOST_DISTINCT = 20
_BARS = 10


class HistogramBar(NamedTuple):
    """Ratings from `low` to `high`: a single value where both are equal."""

    low: float
    high: float
    n_ratings: int


@dataclass(frozen=True)
class RatingsSummary:
    """Numbers that describe a table of ratings.

    Attributes
    ----------
    n_ratings, n_users, n_items : int
        Rows; users and items that have at least one of them.
    density : float
        Share of the (user, item) cells that hold a rating.
    mean, std : float
        Of the ratings.
    histogram : tuple of HistogramBar
        One bar a value where there are at most 20 of them, else 10 bars of equal width, each
        without its upper end but the last.
    user_quantiles, item_quantiles : tuple of float
        Ratings a user and an item at `QUANTILES`.
    first_time, last_time : int or None
        Unix seconds; None without times.
    """

    n_ratings: int
    n_users: int
    n_items: int
    density: float
    mean: float
    std: float
    histogram: tuple[HistogramBar, ...]
    user_quantiles: tuple[float, ...]
    item_quantiles: tuple[float, ...]
    first_time: int | None
    last_time: int | None


class _ValueCounts:
    """Counts ratings by value while there are few, and in bars of equal width."""

    def __init__(self, low: float, high: float) -> None:
        self._edges = np.linspace(low, high, _BARS + 1)
        self._bars = np.zeros(_BARS, np.int64)
        self._distinct: dict[float, int] | None = {}

    def add(self, values: Array) -> None:
        if self._distinct is not None:
            found, counts = np.unique(values, return_counts=True)
            for value, count in zip(found.tolist(), counts.tolist(), strict=True):
                self._distinct[value] = self._distinct.get(value, 0) + count
            if len(self._distinct) > _MOST_DISTINCT:
                # From here on only the bars count; those before are added to them.
                for value, count in self._distinct.items():
                    self._bars += np.histogram([value], self._edges)[0] * count
                self._distinct = None
            return
        self._bars += np.histogram(values, self._edges)[0]

    def bars(self) -> tuple[HistogramBar, ...]:
        if self._distinct is not None:
            pairs = sorted(self._distinct.items())
            return tuple(HistogramBar(value, value, count) for value, count in pairs)
        edges = self._edges.tolist()
        return tuple(
            HistogramBar(low, high, count)
            for low, high, count in zip(edges, edges[1:], self._bars.tolist(), strict=False)
        )


def summarize_ratings(ratings: Ratings) -> RatingsSummary:
    """Count and measure a table of ratings.

    Parameters
    ----------
    ratings : Ratings
        Whole, or a selection: then only the users and items of its rows count.

    Returns
    -------
    RatingsSummary

    Notes
    -----
    Memory: 8 bytes a user and item, and a chunk of rows.
    """
    low, high = ratings.rating_range
    values = _ValueCounts(low, high)
    of_user = np.zeros(ratings.n_users, np.int64)
    of_item = np.zeros(ratings.n_items, np.int64)
    total, squares = 0.0, 0.0
    for users, items, value in ratings.chunks():
        count_rows(users, of_user)
        count_rows(items, of_item)
        values.add(value)
        # Around the middle of the range, so that squares of large ratings do not cancel.
        centred = value.astype(np.float64) - (low + high) / 2
        total += float(centred.sum())
        squares += float(np.square(centred).sum())
    of_user, of_item = of_user[of_user > 0], of_item[of_item > 0]
    n = len(ratings)
    mean = total / n
    time = ratings.time
    return RatingsSummary(
        n_ratings=n,
        n_users=len(of_user),
        n_items=len(of_item),
        density=n / (len(of_user) * len(of_item)),
        mean=mean + (low + high) / 2,
        std=float(np.sqrt(max(squares / n - mean**2, 0.0))),
        histogram=values.bars(),
        user_quantiles=tuple(np.quantile(of_user, QUANTILES).tolist()),
        item_quantiles=tuple(np.quantile(of_item, QUANTILES).tolist()),
        first_time=None if time is None else int(time.min()),
        last_time=None if time is None else int(time.max()),
    )

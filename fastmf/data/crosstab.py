"""The most active users by the most rated items, with the rating in each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmf.data.arrays import Array
from fastmf.data.ratings import RatingChunk
from fastmf.kernels.tables.counting import gather_cells

__all__ = ["TOP", "Crosstab", "CrosstabCells", "most_rated"]

# Users and items of a crosstab: what fits on a page, and in 80 columns.
TOP = 15


@dataclass(frozen=True, eq=False)
class Crosstab:
    """Ratings that p users gave q items, most ratings first.

    Attributes
    ----------
    users, items : ndarray
        (p,), (q,) int64 dense indices.
    user_counts, item_counts : ndarray
        (p,), (q,) int64 ratings of each in the whole table.
    user_means, item_means : ndarray
        (p,), (q,) float64 means of these.
    cells : ndarray
        (p, q) float32; NaN where the user has not rated the item.
    """

    users: Array
    items: Array
    user_counts: Array
    item_counts: Array
    user_means: Array
    item_means: Array
    cells: Array


def most_rated(counts: Array, n: int = TOP) -> Array:
    """Return those with the most ratings, most first; of equals, the one that came first.

    Parameters
    ----------
    counts : ndarray
        (m,) int64 ratings of each user, or each item.
    n : int, optional
        How many; fewer where not so many have ratings.

    Returns
    -------
    ndarray
        (n,) int64 dense indices.
    """
    least = max(int(np.partition(counts, -n)[-n]) if len(counts) > n else 1, 1)
    among = np.flatnonzero(counts >= least)
    return among[np.argsort(-counts[among], kind="stable")][:n].astype(np.int64)


class CrosstabCells:
    """Collects the cells of a crosstab from a pass over the ratings.

    Parameters
    ----------
    user_counts, item_counts : ndarray
        (n_users,), (n_items,) int64 ratings of each.
    """

    def __init__(self, user_counts: Array, item_counts: Array) -> None:
        self._users, self._items = most_rated(user_counts), most_rated(item_counts)
        self._user_counts = user_counts[self._users]
        self._item_counts = item_counts[self._items]
        self._user_rank = _ranks(self._users, len(user_counts))
        self._item_rank = _ranks(self._items, len(item_counts))
        self._cells, self._user_sums, self._item_sums = self._empty()

    def _empty(self) -> tuple[Array, Array, Array]:
        shape = len(self._users), len(self._items)
        return np.full(shape, np.nan, np.float32), np.zeros(shape[0]), np.zeros(shape[1])

    def gather(self, chunk: RatingChunk) -> tuple[Array, Array, Array]:
        """Return what some rows hold of the crosstab; several threads may ask at once.

        Parameters
        ----------
        chunk : RatingChunk

        Returns
        -------
        cells, user_sums, item_sums : ndarray
            For `add`.
        """
        part = self._empty()
        gather_cells(*chunk, self._user_rank, self._item_rank, *part)
        return part

    def add(self, part: tuple[Array, Array, Array]) -> None:
        """Take in what `gather` returned, in the order of the rows."""
        cells, user_sums, item_sums = part
        np.copyto(self._cells, cells, where=~np.isnan(cells))
        self._user_sums += user_sums
        self._item_sums += item_sums

    def finish(self) -> Crosstab:
        """Return the crosstab of all that was added."""
        return Crosstab(
            self._users,
            self._items,
            self._user_counts,
            self._item_counts,
            self._user_sums / self._user_counts,
            self._item_sums / self._item_counts,
            self._cells,
        )


def _ranks(ranked: Array, n: int) -> Array:
    ranks = np.full(n, -1, np.int8)
    ranks[ranked] = np.arange(len(ranked))
    return ranks

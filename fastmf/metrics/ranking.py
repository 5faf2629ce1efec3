"""How good lists of recommended items are, given which of them are relevant.

All take `hits`, (m, n) bool: whether the item at each place of a user's list is relevant, best
place first; and `n_relevant`, (m,) int: how many items are relevant to each user, at least one,
those in the list included. They return one float64 a user; relevance is a matter of yes or no.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.errors import DataError

__all__ = [
    "RankingScores",
    "average_precision",
    "hit_rate",
    "ndcg",
    "precision",
    "recall",
    "reciprocal_rank",
]

Floats = NDArray[np.float64]


class RankingScores(NamedTuple):
    """Means over users of the metrics of their lists."""

    precision: float
    recall: float
    ndcg: float
    average_precision: float
    reciprocal_rank: float
    hit_rate: float

    @classmethod
    def of(cls, hits: ArrayLike, n_relevant: ArrayLike) -> Self:
        """Return the means of all metrics.

        Parameters
        ----------
        hits : (m, n) bool
        n_relevant : (m,) int

        Returns
        -------
        RankingScores

        Raises
        ------
        DataError
            See `precision` and `recall`.
        """
        of_users = (
            precision(hits),
            recall(hits, n_relevant),
            ndcg(hits, n_relevant),
            average_precision(hits, n_relevant),
            reciprocal_rank(hits),
            hit_rate(hits),
        )
        return cls(*(float(values.mean()) for values in of_users))


def precision(hits: ArrayLike) -> Floats:
    """Return the part of each list that is relevant.

    Parameters
    ----------
    hits : (m, n) bool

    Returns
    -------
    (m,) float64
        Hits over n, also where fewer than n items are relevant.

    Raises
    ------
    DataError
        If `hits` is no table of at least one row and column.
    """
    table = _checked(hits)
    return _divided(_sums(table), table.shape[1])


def recall(hits: ArrayLike, n_relevant: ArrayLike) -> Floats:
    """Return the part of what is relevant that is in each list.

    Parameters
    ----------
    hits : (m, n) bool
    n_relevant : (m,) int

    Returns
    -------
    (m,) float64

    Raises
    ------
    DataError
        If there is not one number a row, none below its hits and none below 1.
    """
    table, counts = _checked_both(hits, n_relevant)
    return _sums(table) / counts


def ndcg(hits: ArrayLike, n_relevant: ArrayLike) -> Floats:
    """Return the normalized discounted cumulative gain of each list.

    Parameters
    ----------
    hits : (m, n) bool
    n_relevant : (m,) int

    Returns
    -------
    (m,) float64
        Sum of ``1 / log2(place + 1)`` over the hits, over that of a list that begins with all
        relevant items (Järvelin and Kekäläinen, 2002).

    Raises
    ------
    DataError
        As for `recall`.
    """
    table, counts = _checked_both(hits, n_relevant)
    gains = 1 / np.log2(np.arange(2, table.shape[1] + 2))
    best = np.cumsum(gains)[np.minimum(counts, table.shape[1]) - 1]
    return _divided(_sums(table * gains), best)


def average_precision(hits: ArrayLike, n_relevant: ArrayLike) -> Floats:
    """Return the mean precision at the places of relevant items; its mean over users is MAP.

    Parameters
    ----------
    hits : (m, n) bool
    n_relevant : (m,) int

    Returns
    -------
    (m,) float64
        Sum of the precisions down to each hit, over the hits that a list of n could have.

    Raises
    ------
    DataError
        As for `recall`.
    """
    table, counts = _checked_both(hits, n_relevant)
    n = table.shape[1]
    down_to = np.cumsum(table, axis=1) / np.arange(1, n + 1)
    return _divided(_sums(table * down_to), np.minimum(counts, n))


def reciprocal_rank(hits: ArrayLike) -> Floats:
    """Return one over the place of the first relevant item; its mean over users is MRR.

    Parameters
    ----------
    hits : (m, n) bool

    Returns
    -------
    (m,) float64
        0 where no item of the list is relevant.

    Raises
    ------
    DataError
        As for `precision`.
    """
    table = _checked(hits)
    return _divided(table.any(axis=1), table.argmax(axis=1) + 1)


def hit_rate(hits: ArrayLike) -> Floats:
    """Return 1 for each list with a relevant item, 0 for the others.

    Parameters
    ----------
    hits : (m, n) bool

    Returns
    -------
    (m,) float64

    Raises
    ------
    DataError
        As for `precision`.
    """
    return _divided(_checked(hits).any(axis=1), 1)


def _sums(table: NDArray[Any]) -> Floats:
    sums: Floats = table.sum(axis=1, dtype=np.float64)
    return sums


def _divided(parts: ArrayLike, wholes: ArrayLike) -> Floats:
    ratios: Floats = np.divide(parts, wholes)
    return ratios


def _checked(hits: ArrayLike) -> NDArray[np.bool_]:
    table = np.asarray(hits)
    if table.ndim != 2 or table.size == 0 or table.dtype != np.bool_:
        raise DataError(
            f"hits are {table.dtype} of shape {table.shape}, but they must be a table of bool "
            "with a row for each user and a column for each place"
        )
    return table


def _checked_both(
    hits: ArrayLike, n_relevant: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    table, counts = _checked(hits), np.asarray(n_relevant)
    if counts.shape != (len(table),) or counts.dtype.kind not in "iu":
        raise DataError(
            f"n_relevant is {counts.dtype} of shape {counts.shape}, but it must be a whole number "
            f"for each of the {len(table)} rows of hits"
        )
    wrong = (counts < 1) | (counts < table.sum(axis=1))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"n_relevant[{row}] is {counts[row]}, but row {row} has {int(table[row].sum())} hits; "
            "it must be at least that, and at least 1"
        )
    return table, counts.astype(np.int64)

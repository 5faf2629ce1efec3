"""Ratings as AutoRec takes them: standardised, by row, with what is known of their columns."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.data import RatingChunk, Ratings
from fastmf.data.arrays import frozen
from fastmf.data.row_layout import ValueScale, sort_ratings
from fastmf.kernels.alternating.normal_equations import RatedRows
from fastmf.kernels.autoencoder.rated_batches import row_centres
from fastmf.parallel import Team

__all__ = ["Base", "InputForm", "RowPairs", "StandardRows", "standard_rows"]

Base = Literal["item", "user"]

# Ratings that are looked at at once: a few MB of temporary arrays.
_AT_ONCE = 1 << 20


class InputForm(NamedTuple):
    """What a network sees of standardised ratings.

    Each is ``factor * (value - centre + presence)``, so that the network is told which ratings
    there are, not only how high they are; the factor makes the inputs of all rows alike in size,
    and the centre, about the mean of the row, is added to what the network predicts instead.
    """

    presence: float
    mean_count: float  # 0: the factor is 1; else the root of this over the row's ratings
    prior_count: float = 0.0  # ratings of 0 in the centre besides the row's own; 0: no centre

    def centres(self, ratings: RatedRows) -> NDArray[np.float32]:
        """Return the centre of each row.

        Parameters
        ----------
        ratings : RatedRows
            Standardised.

        Returns
        -------
        (n_rows,) float32
        """
        centres = np.zeros(len(ratings.starts) - 1, np.float32)
        if self.prior_count:
            row_centres(ratings, self.prior_count, centres)
        return centres

    def factors(self, counts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the factor of rows with so many ratings each.

        Parameters
        ----------
        counts : (m,) int64

        Returns
        -------
        (m,) float32
        """
        if not self.mean_count:
            return np.ones(len(counts), np.float32)
        return np.sqrt(self.mean_count / np.maximum(counts, 1)).astype(np.float32)

    def inputs(self, values: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the inputs of rows, one after another.

        Parameters
        ----------
        values : (n,) float32
            Standardised ratings less the centre of their row.
        counts : (m,) int64
            How many of them each row has.

        Returns
        -------
        (n,) float32
            The bits that `fastmf.kernels.autoencoder.rated_batches.make_inputs` makes.
        """
        factors = np.repeat(self.factors(counts), counts)
        return factors * (values + np.float32(self.presence))


class StandardRows(NamedTuple):
    """Ratings by row, less their mean and divided by their spread."""

    ratings: RatedRows
    scale: ValueScale
    column_counts: NDArray[np.int64]  # (n_columns,) ratings of each column
    base: Base  # whose ratings a row has

    def values(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the standardised values of some ratings.

        Parameters
        ----------
        first, last : int
            Which, in the order of the rows.

        Returns
        -------
        (last - first,) float32
        """
        if len(self.ratings.codes):
            return self.ratings.levels[self.ratings.codes[first:last]]
        return self.ratings.values[first:last]


def standard_rows(ratings: Ratings, base: Base, team: Team) -> StandardRows:
    """Sort ratings by user or by item, and standardise them.

    Parameters
    ----------
    ratings : Ratings
        At least one.
    base : {"item", "user"}
    team : Team

    Returns
    -------
    StandardRows
    """
    rows = sort_ratings(ratings, base, team, ValueScale(0.0, 1.0))
    plain = StandardRows(rows, ValueScale(0.0, 1.0), np.empty(0, np.int64), base)
    n = len(rows.other_index)
    cuts = [(first, min(first + _AT_ONCE, n)) for first in range(0, n, _AT_ONCE)]
    n_columns = ratings.n_items if base == "user" else ratings.n_users
    counts = np.zeros(n_columns, np.int64)
    # One of the ratings themselves keeps the variance exact, and 0 where all are equal.
    shift = float(plain.values(0, 1)[0])
    total = squares = 0.0
    for cut in cuts:
        counts += np.bincount(rows.other_index[slice(*cut)], minlength=n_columns)
        centred = plain.values(*cut).astype(np.float64) - shift
        total += float(centred.sum())
        squares += float((centred * centred).sum())
    variance = squares / n - (total / n) ** 2
    scale = ValueScale(shift + total / n, variance**0.5 if variance > 0 else 1.0)
    levels = ((rows.levels.astype(np.float64) - scale.mean) / scale.scale).astype(np.float32)
    values = ((rows.values.astype(np.float64) - scale.mean) / scale.scale).astype(np.float32)
    rows = rows._replace(levels=frozen(levels), values=frozen(values))
    return StandardRows(rows, scale, counts, base)


class RowPairs(NamedTuple):
    """Ratings to compare predictions with, in the order of their rows."""

    rows: NDArray[np.int32]  # (m,) -1 first: rows that are not in the table
    columns: NDArray[np.int32]  # (m,) -1 where unknown
    values: NDArray[np.float32]  # (m,) ratings

    @classmethod
    def of(cls, ratings: Ratings, trained: Ratings, base: Base) -> Self:
        """Sort ratings of any table by the rows of the one that was trained on.

        Parameters
        ----------
        ratings, trained : Ratings
        base : {"item", "user"}

        Returns
        -------
        RowPairs
        """
        same = ratings.users is trained.users and ratings.items is trained.items
        user_row = None if same else trained.users.lookup(ratings.users.ids)
        item_row = None if same else trained.items.lookup(ratings.items.ids)
        parts = []
        for bounds in ratings.ranges():
            users, items, values = ratings.chunk(*bounds)
            if user_row is not None and item_row is not None:
                users, items = user_row[users], item_row[items]
            rows, columns = (users, items) if base == "user" else (items, users)
            parts.append(RatingChunk(rows.copy(), columns.copy(), values.copy()))
            ratings.release()
        rows, columns, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(rows, kind="stable")
        return cls(*(frozen(column[order]) for column in (rows, columns, values)))

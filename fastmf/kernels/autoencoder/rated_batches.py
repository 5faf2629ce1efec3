"""A batch of rows with their ratings, ordered by column.

A *row* is a user or an item whose ratings are the input of a network, and a *column* is one of the
other side, of whom the network has weights. A batch takes the ratings of some rows out of the table
of all, and puts them column by column: weights of a column are then fetched once for all of its
ratings, and their gradient is a sum over a piece of the batch, which one task adds up in one order,
whatever the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix

__all__ = ["count_columns", "make_inputs", "place_ratings", "row_centres", "start_columns"]


@njit
def _value(ratings, rating):
    if ratings.codes.size > 0:
        return ratings.levels[ratings.codes[rating]]
    return ratings.values[rating]


@kernel
def row_centres(ratings, prior_count, centres):
    """Set the mean rating of each row, of its own ratings and of so many zeros.

    Parameters
    ----------
    ratings : fastmf.kernels.alternating.normal_equations.RatedRows
        All ratings by row.
    prior_count : float64
        How many zeros.
    centres : (n_rows,) float32, modified in place
        Set to the means; 0 where a row has no ratings.
    """
    for row in range(len(centres)):
        total, first, last = 0.0, ratings.starts[row], ratings.starts[row + 1]
        for rating in range(first, last):
            total += np.float64(_value(ratings, rating))
        centres[row] = total / (np.float64(last - first) + prior_count) if last > first else 0.0


@kernel
def count_columns(first, last, ratings, rows, counts):
    """Count the ratings of each column in some rows of a batch.

    Parameters
    ----------
    first, last : int
        Which rows of the batch.
    ratings : fastmf.kernels.alternating.normal_equations.RatedRows
        All ratings by row.
    rows : (n_batch,) int32
        The rows of the table that are in the batch.
    counts : (n_columns,) int32, modified in place
        Set to the ratings of each column.

    Notes
    -----
    Free of races as long as no other thread has the same `counts`.
    """
    counts[:] = 0
    for row in range(first, last):
        for rating in range(ratings.starts[rows[row]], ratings.starts[rows[row] + 1]):
            counts[ratings.other_index[rating]] += np.int32(1)


@kernel
def start_columns(counts, column_starts):
    """Turn the counts of each part of a batch into places in the order by column.

    Parameters
    ----------
    counts : (n_parts, n_columns) int32, modified in place
        As `count_columns` set them, part by part. Set to where the ratings of each begin.
    column_starts : (n_columns + 1,) int64, modified in place
        Set to where the ratings of each column begin.
    """
    total = 0
    for column in range(counts.shape[1]):
        column_starts[column] = total
        for part in range(counts.shape[0]):
            count = counts[part, column]
            counts[part, column] = total
            total += count
    column_starts[counts.shape[1]] = total


@kernel
def place_ratings(first, last, ratings, rows, centres, offsets, column_rows, values):
    """Put the ratings of some rows of a batch in the order by column.

    Parameters
    ----------
    first, last, ratings, rows
        As for `count_columns`.
    centres : (n_batch,) float32
        What the ratings of each row are taken less of.
    offsets : (n_columns,) int32, modified in place
        Where the first rating of each column goes, as `start_columns` set it for these rows.
    column_rows : (n,) int32, modified in place
        Set to the row of the batch of each rating.
    values : (n,) float32, modified in place
        Set to its value less the centre of its row.

    Notes
    -----
    Free of races as long as no other thread has the same rows or the same `offsets`.
    """
    for row in range(first, last):
        for rating in range(ratings.starts[rows[row]], ratings.starts[rows[row] + 1]):
            column = ratings.other_index[rating]
            place = offsets[column]
            offsets[column] = place + np.int32(1)
            column_rows[place] = row
            values[place] = _value(ratings, rating) - centres[row]


@kernel
def make_inputs(
    first, last, column_starts, column_rows, values, rows, factors, presence, salt, keep, inputs
):
    """Set what the network sees of the ratings of some columns.

    Parameters
    ----------
    first, last : int
        Which columns.
    column_starts : (n_columns + 1,) int64
        Where the ratings of each begin.
    column_rows : (n,) int32
        Row of the batch of each rating.
    values : (n,) float32
    rows : (n_batch,) int32
        The rows of the table that are in the batch.
    factors : (n_batch,) float32
        What the input of each row is multiplied by.
    presence : float32
        What every rating adds to the input besides its value.
    salt : uint64
        What random numbers depend on besides row and column.
    keep : float32
        Probability that a rating stays in the input; what stays is divided by it.
    inputs : (n,) float32, modified in place
        Set to ``factor * (value + presence)``, or 0 where dropped.

    Notes
    -----
    Free of races as long as no other thread has the same columns.
    """
    n_columns = np.uint64(len(column_starts) - 1)
    scale = np.float32(1) / keep
    limit = np.uint64(np.float64(keep) * 2.0**32)
    for column in range(first, last):
        for rating in range(column_starts[column], column_starts[column + 1]):
            row = column_rows[rating]
            seen = factors[row] * (values[rating] + presence)
            if keep < 1:
                cell = np.uint64(rows[row]) * n_columns + np.uint64(column)
                draw = mix(salt + cell * GOLDEN) >> np.uint64(32)
                seen = seen * scale if draw < limit else np.float32(0)
            inputs[rating] = seen

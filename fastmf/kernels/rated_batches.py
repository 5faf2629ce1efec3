"""A batch of rows with their ratings, by row and by column.

A *row* is a user or an item whose ratings are the input of a network, and a *column* is one of the
other side, of whom the network has weights. A batch takes the ratings of some rows out of the table
of all. Ordered by column as well, the gradient of a column's weights is a sum over a piece of the
batch: one task adds it up, in one order, whatever the number of threads.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix

__all__ = ["copy_ratings", "place_by_column", "start_columns"]


@kernel
def copy_ratings(
    first,
    last,
    ratings,
    rows,
    presence,
    factors,
    salt,
    keep,
    starts,
    counts,
    index,
    values,
    inputs,
):
    """Copy the ratings of some rows of a batch, and count those of each column.

    Parameters
    ----------
    first, last : int
        Which rows of the batch.
    ratings : fastmf.kernels.normal_equations.RatedRows
        All ratings by row.
    rows : (n_batch,) int32
        The rows of the table that are in the batch.
    presence : float32
        What every rating adds to the input besides its value.
    factors : (n_rows,) float32
        What the input of each row of the table is multiplied by.
    salt : uint64
        What random numbers depend on besides the number of a rating.
    keep : float32
        Probability that a rating stays in the input; what stays is divided by it.
    starts : (n_batch + 1,) int64
        Where the ratings of each row begin in the batch.
    counts : (n_columns,) int32, modified in place
        Set to the ratings of each column in these rows.
    index : (n,) int32, modified in place
        Set to the column of each rating.
    values, inputs : (n,) float32, modified in place
        Set to the value of each rating, and to what the network sees of it: 0 where dropped.

    Notes
    -----
    Free of races as long as no other thread has the same rows or the same `counts`.
    """
    counts[:] = 0
    scale = np.float32(1) / keep
    limit = np.uint64(np.float64(keep) * 2.0**32)
    for row in range(first, last):
        to = starts[row]
        table_row = rows[row]
        factor = factors[table_row]
        for rating in range(ratings.starts[table_row], ratings.starts[table_row + 1]):
            column = ratings.other_index[rating]
            if ratings.codes.size > 0:
                value = ratings.levels[ratings.codes[rating]]
            else:
                value = ratings.values[rating]
            index[to] = column
            values[to] = value
            seen = factor * (value + presence)
            if keep < 1:
                draw = mix(salt + np.uint64(rating) * GOLDEN) >> np.uint64(32)
                seen = seen * scale if draw < limit else np.float32(0)
            inputs[to] = seen
            counts[column] += np.int32(1)
            to += 1


@kernel
def start_columns(counts, column_starts):
    """Turn the counts of each part of a batch into places in the order by column.

    Parameters
    ----------
    counts : (n_parts, n_columns) int32, modified in place
        As `copy_ratings` set them, part by part. Set to where the ratings of each begin.
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
def place_by_column(
    first, last, starts, index, inputs, offsets, column_rows, column_inputs, places
):
    """Put the ratings of some rows of a batch in the order by column.

    Parameters
    ----------
    first, last, starts, index, inputs
        As for `copy_ratings`.
    offsets : (n_columns,) int32, modified in place
        Where the first rating of each column goes, as `start_columns` set it for these rows.
    column_rows : (n,) int32, modified in place
        Set to the row of the batch of each rating, by column.
    column_inputs : (n,) float32, modified in place
        Set to its input.
    places : (n,) int32, modified in place
        Set to the place of each rating in the order by column.

    Notes
    -----
    Free of races as long as no other thread has the same rows or the same `offsets`.
    """
    for row in range(first, last):
        for rating in range(starts[row], starts[row + 1]):
            place = offsets[index[rating]]
            offsets[index[rating]] = place + np.int32(1)
            column_rows[place] = row
            column_inputs[place] = inputs[rating]
            places[rating] = place

"""Rows of embedding tables in batches: gathering them, sorting a batch by row, adding gradients.

A table is a flat array of rows padded to a multiple of sixteen floats. A batch names a row for each
of its entries, many of them more than once.
"""

from __future__ import annotations

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vector_roots import add
from fastmf.kernels.vectors import (
    WIDTH,
    broadcast,
    load,
    multiply,
    multiply_add,
    store,
    sum_lanes,
    zeros,
)

__all__ = ["gather", "row_gradient", "sort_by_row", "squared_norm", "summed_gradient"]

_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_FLOATS_OUT = types.Array(types.float32, 1, "C")
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_INDEX_OUT = types.Array(types.int32, 1, "C")
_KEYS = types.Array(types.uint64, 1, "C")
_COUNTS = types.Array(types.int64, 1, "C")
_INT = types.int64


@kernel(signature=_INT(_FLOATS, _INT, _INT, _INDEX, _FLOATS_OUT, _INT, _INT))
def gather(rows, stride, width, index, out, columns, column):
    """Set ``out[k, column:column + width] = rows[index[k], :width]``.

    Parameters
    ----------
    rows : (n * stride,) float32
    stride : int64
        A multiple of sixteen.
    width : int64
        At most `stride`.
    index : (m,) int32
    out : (m * columns,) float32, modified in place
    columns, column : int64
        ``column + width <= columns``.

    Returns
    -------
    int64
        Entries gathered: less than m if ``index[k]`` is no row, k being the number returned.
    """
    n = rows.size // stride
    whole = width - width % WIDTH
    for entry in range(index.size):
        row = np.int64(index[entry])
        if row < 0 or row >= n:
            return np.int64(entry)
        from_, to = row * stride, entry * columns + column
        for lane in range(0, whole, WIDTH):
            store(out, to + lane, load(rows, from_ + lane))
        for lane in range(whole, width):
            out[to + lane] = rows[from_ + lane]
    return np.int64(index.size)


@kernel(signature=_INT(_INDEX, _INT, _KEYS, _KEYS, _COUNTS, _INDEX_OUT, _INDEX_OUT, _INDEX_OUT))
def sort_by_row(index, n_rows, keys, others, counts, entries, touched, starts):
    """Sort the entries of a batch by row, those of a row in the order of the batch.

    A radix sort, least significant digit first.

    Parameters
    ----------
    index : (m,) int32
        The row of each entry.
    n_rows : int64
        Rows of the table.
    keys, others : (at least m,) uint64, modified in place
    counts : (a power of two,) int64, modified in place
        Scratch memory; the last is as long as a digit has values.
    entries : (at least m,) int32, modified in place
        Receives the entries.
    touched : (at least m,) int32, modified in place
        Receives the rows that occur, ascending.
    starts : (at least m + 1,) int32, modified in place
        ``entries[starts[k]:starts[k + 1]]`` are those of ``touched[k]``.

    Returns
    -------
    int64
        Rows that occur; ``-1 - k`` if ``index[k]`` is no row.
    """
    m = index.size
    for entry in range(m):
        row = np.int64(index[entry])
        if row < 0 or row >= n_rows:
            return np.int64(-1 - entry)
        keys[entry] = (np.uint64(row) << np.uint64(32)) | np.uint64(entry)
    n_values = counts.size
    mask = np.uint64(n_values - 1)
    shift = np.uint64(32)
    left = np.int64(n_rows - 1)
    while left > 0:
        counts[:] = 0
        for entry in range(m):
            counts[np.int64((keys[entry] >> shift) & mask)] += 1
        total = np.int64(0)
        for digit in range(n_values):
            total, counts[digit] = total + counts[digit], total
        for entry in range(m):
            key = keys[entry]
            place = np.int64((key >> shift) & mask)
            others[counts[place]] = key
            counts[place] += 1
        keys, others = others, keys
        left //= n_values
        while n_values > 1:
            n_values //= 2
            shift += np.uint64(1)
        n_values = counts.size
    n_touched = np.int64(0)
    last = np.int64(-1)
    for to in range(m):
        key = keys[to]
        entries[to] = np.int32(key & np.uint64(0xFFFFFFFF))
        row = np.int64(key >> np.uint64(32))
        if row != last:
            touched[n_touched] = np.int32(row)
            starts[n_touched] = np.int32(to)
            n_touched += 1
            last = row
    starts[n_touched] = np.int32(m)
    return n_touched


@kernel
def summed_gradient(entries, first, last, gradients, columns, edge, column, lane):
    """Return sixteen columns of the sum of some entries' gradients, added in their order.

    Parameters
    ----------
    entries : (m,) int32
    first, last : int
        The entries to add are ``entries[first:last]``.
    gradients : (m * columns,) float32
    columns, column : int
        The table's part of an entry's gradient begins at `column`.
    edge : (stride,) float32
        That part of the last entry, padded: what is read in its stead, so that nothing is read
        beyond the end.
    lane : int
        The first of the sixteen, from `column` on; those that are not the table's mean nothing.

    Returns
    -------
    lanes
    """
    total = zeros()
    for place in range(first, last):
        entry = np.int64(entries[place])
        if entry == entries.size - 1:
            total = add(total, load(edge, lane))
        else:
            total = add(total, load(gradients, entry * columns + column + lane))
    return total


@kernel
def row_gradient(
    entries, first, last, gradients, columns, edge, column, lane, weights, pulls, value
):
    """Return sixteen columns of the gradient of a row: its entries', and that of a penalty.

    ``weight * (sum of the entries' gradients) + (number of entries) * pull * value``.

    Parameters
    ----------
    entries, first, last, gradients, columns, edge, column, lane
        As for `summed_gradient`.
    weights, pulls : (stride,) float32
        As for `squared_norm`.
    value : lanes
        The row's.

    Returns
    -------
    lanes
    """
    sums = summed_gradient(entries, first, last, gradients, columns, edge, column, lane)
    count = broadcast(np.float32(last - first))
    return multiply_add(
        sums, load(weights, lane), multiply(multiply(count, load(pulls, lane)), value)
    )


@kernel(
    signature=types.float64(
        *(_INT, _INT, _INDEX, _INDEX, _INDEX),
        *(_FLOATS, _INT, _FLOATS, _INT, _FLOATS, _FLOATS, _FLOATS, _INT),
    )
)
def squared_norm(
    first,
    last,
    entries,
    touched,
    starts,
    gradients,
    columns,
    edge,
    column,
    weights,
    pulls,
    rows,
    stride,
):
    """Return the sum of squares of the summed gradients of some rows.

    Parameters
    ----------
    first, last : int64
        The rows are ``touched[first:last]``.
    entries, touched, starts : int32
        As `sort_by_row` leaves them.
    gradients, columns, edge, column
        As for `summed_gradient`.
    weights : (stride,) float32
        What the sum is multiplied with; 0 in the padding.
    pulls : (stride,) float32
        What each entry adds, times the row: the derivative of a quadratic penalty.
    rows : (n * stride,) float32
    stride : int64

    Returns
    -------
    float64
    """
    total = 0.0
    for k in range(first, last):
        at = np.int64(touched[k]) * stride
        squares = zeros()
        for lane in range(0, stride, WIDTH):
            value = load(rows, at + lane)
            gradient = row_gradient(
                *(entries, starts[k], starts[k + 1], gradients, columns, edge, column, lane),
                *(weights, pulls, value),
            )
            squares = multiply_add(gradient, gradient, squares)
        total += np.float64(sum_lanes(squares))
    return total

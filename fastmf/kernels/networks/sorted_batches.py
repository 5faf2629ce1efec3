"""Batches sorted by the rows of a table that they name, many batches in one go."""

from __future__ import annotations

import numpy as np
from numba import types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.embedding_rows import sort_by_row

__all__ = ["sort_batches"]

_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_INDEX_OUT = types.Array(types.int32, 1, "C")
_BOUNDS = types.Array(types.int64, 1, "C", readonly=True)
_KEYS = types.Array(types.uint64, 1, "C")
_COUNTS = types.Array(types.int64, 1, "C")
_INT = types.int64


@kernel(
    signature=_INT(
        *(_INDEX, _BOUNDS, _INT, _INT, _INT, _KEYS, _KEYS, _COUNTS),
        *(_INDEX_OUT, _INDEX_OUT, _INDEX_OUT, _INDEX_OUT, _COUNTS),
    )
)
def sort_batches(
    index,
    bounds,
    first,
    last,
    n_rows,
    keys,
    others,
    counts,
    entries,
    touched,
    starts,
    places,
    n_touched,
):
    """Sort the entries of batches by row; see `fastmf.kernels.networks.embedding_rows.sort_by_row`.

    What is told of batch b begins at ``bounds[b]``, and in `starts` at ``bounds[b] + b``.

    Parameters
    ----------
    index : (n,) int32
        The row of each entry.
    bounds : (n_batches + 1,) int64
        Batch b is ``index[bounds[b]:bounds[b + 1]]``.
    first, last : int64
        The batches to sort.
    n_rows : int64
        Rows of the table.
    keys, others : (at least as long as a batch,) uint64, modified in place
    counts : (a power of two,) int64, modified in place
        Scratch memory, as for `sort_by_row`.
    entries : (n,) int32, modified in place
        Receives the entries of each batch, counted from its first.
    touched : (n,) int32, modified in place
        Receives the rows that occur in each batch, ascending.
    starts : (n + n_batches,) int32, modified in place
        Receives where the entries of each touched row begin.
    places : (n,) int32, modified in place
        Receives where the row of each entry stands among the touched rows of its batch.
    n_touched : (n_batches,) int64, modified in place
        Receives the number of rows that occur.

    Returns
    -------
    int64
        0; or ``-1 - k`` if ``index[k]`` is no row.

    Notes
    -----
    Free of races as long as no other thread has the same batches or scratch memory.
    """
    for batch in range(first, last):
        start, end = bounds[batch], bounds[batch + 1]
        order, rows = entries[start:end], touched[start:end]
        begins = starts[start + batch : end + batch + 1]
        found = sort_by_row(index[start:end], n_rows, keys, others, counts, order, rows, begins)
        if found < 0:
            return found - start
        n_touched[batch] = found
        for place in range(found):
            for entry in range(begins[place], begins[place + 1]):
                places[start + np.int64(order[entry])] = np.int32(place)
    return np.int64(0)

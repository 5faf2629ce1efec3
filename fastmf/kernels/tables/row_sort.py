"""The passes that sort a table of ratings by user or by item.

A rating moves twice: to the bucket of its row (a few hundred streams that are written to in turn,
which the processor's caches can follow), then to its place within the bucket. Sorting straight to
hundreds of thousands of places would wait for memory at every rating.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.grid import level_slot

__all__ = ["MOST_BUCKETS", "count_rows", "place_ratings", "scatter_to_buckets"]

MOST_BUCKETS = 256
"""So that a row's number within its bucket has 24 bits."""


@kernel
def count_rows(row_index, shift, row_counts, bucket_counts):
    """Count the ratings of every row and of every bucket, which is ``row >> shift``.

    Parameters
    ----------
    row_index : (m,) int32
    shift : int
    row_counts : (n_rows,) int64, modified in place
    bucket_counts : (n_buckets,) int64, modified in place
    """
    for position in range(row_index.size):
        row = np.int64(row_index[position])
        row_counts[row] += 1
        bucket_counts[row >> shift] += 1


@kernel
def scatter_to_buckets(
    row_index,
    column_index,
    ratings,
    shift,
    keys,
    used,
    code_of_slot,
    offsets,
    entries_out,
    values_out,
):
    """Move ratings to the buckets of their rows, keeping their order within a bucket.

    Parameters
    ----------
    row_index, column_index : (m,) int32
        The side that is sorted by, and the other one.
    ratings : (m,) float32
    shift : int
        As for `count_rows`.
    keys : (1024,) uint32
    used : (1024,) uint8
        The ratings that are coded, as `fastmf.kernels.grid.add_levels` left them.
    code_of_slot : (1024,) or (0,) uint8
        Their codes; empty when ratings are not coded.
    offsets : (n_buckets,) int64, modified in place
        Where the next rating of each bucket goes. Tasks that scatter parts of one table start at
        offsets of their own, so they never write the same place.
    entries_out : (n,) uint64, modified in place
        ``row within bucket << 40 | code << 32 | column``, with a code of zero when ratings are
        not coded.
    values_out : (n,) or (0,) float32, modified in place
        The ratings, when they are not coded.
    """
    coded = code_of_slot.size > 0
    bits = ratings.view(np.uint32)
    within = (np.int64(1) << shift) - 1
    for position in range(row_index.size):
        row = np.int64(row_index[position])
        bucket = row >> shift
        to = offsets[bucket]
        offsets[bucket] = to + 1
        entry = (np.uint64(row & within) << np.uint64(40)) | np.uint64(column_index[position])
        if coded:
            code = code_of_slot[level_slot(bits[position], keys, used)]
            entry |= np.uint64(code) << np.uint64(32)
        else:
            values_out[to] = ratings[position]
        entries_out[to] = entry


@kernel
def place_ratings(entries, values, places, index_out, codes_out, values_out):
    """Move the ratings of one bucket to their rows, keeping their order within a row.

    Parameters
    ----------
    entries : (m,) uint64
        As `scatter_to_buckets` writes them.
    values : (m,) or (0,) float32
        Ratings, when they are not coded.
    places : (rows of the bucket,) int64, modified in place
        Where the next rating of each row goes.
    index_out : (n,) int32, modified in place
        The other side of each rating.
    codes_out : (n,) or (0,) uint8, modified in place
        Codes; empty when ratings are not coded.
    values_out : (n,) or (0,) float32, modified in place
        The ratings, when they are not coded.

    Notes
    -----
    Free of races as long as no other thread works on the same rows.
    """
    for position in range(entries.size):
        entry = entries[position]
        row = np.int64(entry >> np.uint64(40))
        to = places[row]
        places[row] = to + 1
        index_out[to] = np.int32(entry & np.uint64(0xFFFFFFFF))
        if codes_out.size > 0:
            codes_out[to] = np.uint8((entry >> np.uint64(32)) & np.uint64(0xFF))
        else:
            values_out[to] = values[position]

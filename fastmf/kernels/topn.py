"""Scores of every item for a block of users, and the best `n` of each row.

Both kernels work on one block of rows that stays in cache. Every score is computed by the same
sequence of operations wherever its row and its item stand in a block, so recommendations do not
depend on how users are cut into blocks, nor on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import WIDTH, broadcast, load, multiply_add, store, zeros

__all__ = ["TILE", "place_seen_items", "score_rows", "select_top_n"]

TILE = 2 * WIDTH
"""Items of one tile: two vectors of sixteen lanes."""

_ROWS = types.Array(types.float32, 2, "C", readonly=True)
_TILES = types.Array(types.float32, 3, "C", readonly=True)
_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_OFFSETS = types.Array(types.int64, 1, "C", readonly=True)
_CURSOR = types.Array(types.int64, 1, "C")
_SCORES = types.Array(types.float32, 2, "C")
_ITEMS = types.Array(types.int32, 1, "C")
_TOP_INDEX = types.Array(types.int32, 2, "C")

# Rows of one step: four rows by two vectors keep eight sums in flight, which fills the two
# fused multiply-add units of AVX-512 at their latency of four cycles.
_STEP = 4

# Items scanned at once for anything above the threshold of the heap.
_SCAN = 64

# The index of an empty place in the heap: it ranks below every item.
_NOTHING = np.int32(2**31 - 1)


@kernel(
    signature=types.void(_ROWS, _FLOATS, _TILES, _FLOATS, _SCORES),
)
def score_rows(rows, row_bias, item_tiles, item_bias, scores):
    """Compute the score of every item for a block of rows.

    ``scores[r, i] = (rows[r] . item_factors[i] + item_bias[i]) + row_bias[r]``, the dot product
    added up in the order of the factors.

    Parameters
    ----------
    rows : float32 (m, k)
        One row of factors for each user (or item) asked for.
    row_bias : float32 (m,)
        What is added to every score of a row: the mean and the user's bias.
    item_tiles : float32 (ceil(n_items / 32), k, 32)
        Item factors, transposed in tiles of 32 items; the last one is padded with zeros.
    item_bias : float32 (n_items,)
        Item biases.
    scores : float32 (m, n_items)
        Written.

    Notes
    -----
    A tile of items (6.4 kB at 50 factors) stays in the first-level cache while all rows pass by.
    Threads are free of races when each has its own `scores`. Everything else is only read.
    """
    m, k = rows.shape
    n_items = item_bias.shape[0]
    factors = rows.reshape(-1)
    tiles = item_tiles.reshape(-1)
    dots = np.empty(_STEP * TILE, np.float32)
    for tile in range(item_tiles.shape[0]):
        first = tile * TILE
        start = first * k
        width = min(TILE, n_items - first)
        for r in range(0, m, _STEP):
            # Past the last row, the last row is computed again and dropped.
            r0, r1, r2, r3 = r, min(r + 1, m - 1), min(r + 2, m - 1), min(r + 3, m - 1)
            a0, a1, a2, a3 = zeros(), zeros(), zeros(), zeros()
            b0, b1, b2, b3 = zeros(), zeros(), zeros(), zeros()
            for f in range(k):
                left = load(tiles, start + f * TILE)
                right = load(tiles, start + f * TILE + WIDTH)
                x0 = broadcast(factors[r0 * k + f])
                x1 = broadcast(factors[r1 * k + f])
                x2 = broadcast(factors[r2 * k + f])
                x3 = broadcast(factors[r3 * k + f])
                a0, b0 = multiply_add(x0, left, a0), multiply_add(x0, right, b0)
                a1, b1 = multiply_add(x1, left, a1), multiply_add(x1, right, b1)
                a2, b2 = multiply_add(x2, left, a2), multiply_add(x2, right, b2)
                a3, b3 = multiply_add(x3, left, a3), multiply_add(x3, right, b3)
            store(dots, 0, a0)
            store(dots, WIDTH, b0)
            store(dots, 2 * WIDTH, a1)
            store(dots, 3 * WIDTH, b1)
            store(dots, 4 * WIDTH, a2)
            store(dots, 5 * WIDTH, b2)
            store(dots, 6 * WIDTH, a3)
            store(dots, 7 * WIDTH, b3)
            for j in range(min(_STEP, m - r)):
                bias = row_bias[r + j]
                for i in range(width):
                    scores[r + j, first + i] = (dots[j * TILE + i] + item_bias[first + i]) + bias


@njit(inline="always")
def _worse(score, index, other_score, other_index):
    """Say whether an entry ranks below another: a lower score, or the same and a higher index."""
    return score < other_score or (score == other_score and index > other_index)


@njit(nogil=True)
def _sift_down(index, score, start, size):
    """Restore the heap of `size` entries, worst one at the root, below entry `start`."""
    parent = start
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        right = child + 1
        if right < size and _worse(score[right], index[right], score[child], index[child]):
            child = right
        if not _worse(score[child], index[child], score[parent], index[parent]):
            return
        score[parent], score[child] = score[child], score[parent]
        index[parent], index[child] = index[child], index[parent]
        parent = child


@njit(inline="always")
def _any_above(row, start, threshold):
    """Say whether any of the next `_SCAN` scores is above a threshold.

    The fixed count, the 32-bit sum and the unsigned index make this four vector comparisons;
    with a variable end it took 5.3 us for a row of 17,770 scores instead of 1.5 us.
    """
    above = np.int32(0)
    for i in range(_SCAN):
        above = np.int32(above + np.int32(row[np.uint64(start + i)] > threshold))
    return above > 0


@njit(nogil=True)
def _collect_best(row, index, score):
    """Leave the best entries of `row` in a heap, worst one at the root."""
    n_items, n = row.shape[0], index.shape[0]
    index[:] = _NOTHING
    score[:] = -np.inf
    for start in range(0, n_items, _SCAN):
        if start + _SCAN <= n_items and not _any_above(row, start, score[0]):
            continue
        for i in range(start, min(start + _SCAN, n_items)):
            # Items come in rising order, so an equal score never displaces an earlier item.
            if row[i] > score[0]:
                score[0], index[0] = row[i], i
                _sift_down(index, score, 0, n)


@kernel(
    signature=types.void(_SCORES, _OFFSETS, _OFFSETS, _INDEX, _TOP_INDEX, _SCORES),
)
def select_top_n(scores, seen_start, seen_stop, seen_items, top_index, top_score):
    """Find the `n` best items of each row, best first; of equal scores the lower index first.

    Parameters
    ----------
    scores : float32 (m, n_items)
        Scores; those of seen items are overwritten with NaN. A score that is NaN or minus
        infinity is never selected.
    seen_start, seen_stop : int64 (m,)
        The items that row `r` must not get are ``seen_items[seen_start[r] : seen_stop[r]]``.
    seen_items : int32 (any,)
        Item indices, in any order, within ``[0, n_items)``.
    top_index : int32 (m, n)
        Written: item indices; -1 where fewer than `n` items were left.
    top_score : float32 (m, n)
        Written: their scores; NaN where `top_index` is -1.

    Notes
    -----
    A heap of the `n` best so far, kept in the output row itself with the worst at the root,
    followed by the second half of heapsort: O(n_items + h log n) for h changes of the heap, on
    average n (1 + ln(n_items / n)). Threads are free of races when each has its own `scores` and
    rows of the output.
    """
    for r in range(scores.shape[0]):
        row, index, score = scores[r], top_index[r], top_score[r]
        for position in range(seen_start[r], seen_stop[r]):
            row[seen_items[position]] = np.nan
        _collect_best(row, index, score)
        for last in range(index.shape[0] - 1, 0, -1):
            score[0], score[last] = score[last], score[0]
            index[0], index[last] = index[last], index[0]
            _sift_down(index, score, 0, last)
        for position in range(index.shape[0]):
            if index[position] == _NOTHING:
                index[position] = -1
                score[position] = np.nan


@kernel(
    signature=types.void(_INDEX, _INDEX, _INDEX, _INDEX, _CURSOR, _ITEMS),
)
def place_seen_items(user_index, item_index, slot_of_user, model_item, cursor, seen_items):
    """Sort the items of one chunk of ratings into the slots of the users that were asked for.

    Parameters
    ----------
    user_index, item_index : int32 (c,)
        The chunk, in the indices of its own table.
    slot_of_user : int32 (users of the table,)
        The slot of each user, -1 for users not asked for.
    model_item : int32 (items of the table,)
        The model's index of each item, -1 for items that the model does not know.
    cursor : int64 (slots,)
        Where the next item of each slot goes; advanced.
    seen_items : int32 (any,)
        Written at the cursors. The caller has left room for every rating of a slot.

    Notes
    -----
    One pass of a counting sort. Not safe to run on two chunks at once: they share `cursor`.
    """
    for row in range(user_index.shape[0]):
        slot = slot_of_user[user_index[row]]
        if slot < 0:
            continue
        item = model_item[item_index[row]]
        if item >= 0:
            seen_items[cursor[slot]] = item
            cursor[slot] += 1

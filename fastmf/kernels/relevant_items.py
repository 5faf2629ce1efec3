"""Which items are relevant to whom: lists of sorted items, looked up by halving."""

from __future__ import annotations

from numba import njit, types

from fastmf.kernels.compiled import kernel

__all__ = ["keep_seen", "mark_hits"]

_STARTS = types.Array(types.int64, 1, "C", readonly=True)
_INDEX = types.Array(types.int32, 1, "C", readonly=True)
_TOP = types.Array(types.int32, 2, "C", readonly=True)
_STOPS = types.Array(types.int64, 1, "C")
_ITEMS = types.Array(types.int32, 1, "C")
_HITS = types.Array(types.boolean, 2, "C")


@njit
def _has(items, first, last, item):
    """Whether an item is among sorted ones."""
    while first < last:
        middle = (first + last) // 2
        if items[middle] < item:
            first = middle + 1
        elif items[middle] > item:
            last = middle
        else:
            return True
    return False


@kernel(signature=types.void(_STARTS, _INDEX, _STARTS, _STOPS, _ITEMS))
def keep_seen(relevant_starts, relevant, starts, stops, items):
    """Take what is relevant to a row out of what it has seen.

    Parameters
    ----------
    relevant_starts : (m + 1,) int64
        Where the relevant items of each row begin.
    relevant : (any,) int32
        Sorted within each row.
    starts : (m,) int64
        Where the seen items of each row begin.
    stops : (m,) int64, modified in place
        Where they end.
    items : (any,) int32, modified in place
        Seen items in any order, which is kept; no two rows share any.
    """
    for row in range(len(starts)):
        place = starts[row]
        first, last = relevant_starts[row], relevant_starts[row + 1]
        for number in range(starts[row], stops[row]):
            item = items[number]
            if not _has(relevant, first, last, item):
                items[place] = item
                place += 1
        stops[row] = place


@kernel(signature=types.void(_STARTS, _INDEX, _TOP, _HITS))
def mark_hits(relevant_starts, relevant, top, hits):
    """Mark the recommended items that are relevant.

    Parameters
    ----------
    relevant_starts : (m + 1,) int64
        Where the relevant items of each row begin.
    relevant : (any,) int32
        Sorted within each row.
    top : (m, n) int32
        Recommended items; -1 for none.
    hits : (m, n) bool, modified in place
        Set to whether each is relevant.
    """
    for row in range(top.shape[0]):
        first, last = relevant_starts[row], relevant_starts[row + 1]
        for place in range(top.shape[1]):
            hits[row, place] = _has(relevant, first, last, top[row, place])

"""Encoding of integer ids: raw integers to dense indices, in order of appearance.

Small ids index a table directly. All others go by open addressing with linear probing over a table
of int32 slots. A slot holds the dense index of an id or -1; the ids themselves live once, in dense
order, in the array that becomes the vocabulary. So the table stays small (4 bytes a slot, at most
half full) and growing never moves an id.

Every function that inserts stops early when a caller's array is full and returns the row it
reached: the caller grows the array and calls again from there.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import mix

__all__ = [
    "encode_integers",
    "encode_small_integers",
    "fill_integer_table",
    "lookup_integers",
]

_EMPTY = np.int32(-1)
# Their values, indices and entries of the table stay in the second-level cache.
_TILE_ROWS = 1 << 13


@kernel
def encode_small_integers(values, start, ids, count, table, indices):
    """Give every integer its dense index through a table that the integer itself indexes.

    Parameters
    ----------
    values : (m,) int32, read-only
        Raw ids.
    start : int64
        First row to encode.
    ids : (n,) int64, modified
        Known ids in dense order; new ones are written from `count` on.
    count : int64
        Known ids so far.
    table : (t,) int32, modified
        Entry v is 1 more than the dense index of the id v, or 0 where v is unknown: memory fresh
        from the system, which costs nothing where no id lies, is an empty table.
    indices : (m,) int32, modified
        Receives the dense indices; behind the rows encoded anything.

    Returns
    -------
    row : int64
        Rows encoded; less than m when `ids` must grow first, or the row's id is outside [0, t).
    count : int64
        Known ids now.

    Notes
    -----
    One access a row instead of two and a hash. A tile of rows is looked up as if no id were new, in
    a loop that gathers vectors; then those that are get their indices. Row by row takes half as
    long again. Writes only to its own arguments, so calls on different vocabularies run in
    parallel.
    """
    for first in range(start, values.size, _TILE_ROWS):
        tile = values[first : first + _TILE_ROWS]
        out = indices[first : first + _TILE_ROWS]
        known = _count_small(tile, np.uint32(table.size))
        if _look_up(tile[:known], table, out) < 0:
            for row in range(known):
                if out[row] < 0:
                    value = np.uint32(tile[row])
                    if table[value] == 0:  # it may stand twice in the tile
                        if count >= ids.size:
                            return np.int64(first + row), count
                        ids[count] = tile[row]
                        count += 1
                        table[value] = np.int32(count)
                    out[row] = table[value] - np.int32(1)
        if known < tile.size:
            return np.int64(first + known), count
    return np.int64(values.size), count


@kernel
def _count_small(values, limit):
    """Count the ids before the first one outside [0, limit)."""
    largest = np.uint32(0)
    for row in range(values.size):
        # As an unsigned number, a negative id is huge: one comparison for both ends.
        largest = max(largest, np.uint32(values[row]))
    if largest < limit:
        return values.size
    row = 0
    while np.uint32(values[row]) < limit:
        row += 1
    return row


@kernel
def _look_up(values, table, indices):
    """Write the index of every id, -1 where it is new; return the least of them."""
    least = np.int32(0)
    for row in range(values.size):
        index = table[np.uint32(values[row])] - np.int32(1)
        indices[row] = index
        least = min(least, index)
    return least


@kernel
def encode_integers(values, start, ids, count, table, indices):
    """Give every integer its dense index, inserting the unseen ones.

    Parameters
    ----------
    values : (m,) int64, read-only
        Raw ids.
    start : int64
        First row to encode.
    ids : (n,) int64, modified
        Known ids in dense order; new ones are written from `count` on.
    count : int64
        Known ids so far.
    table : (2**b,) int32, modified
        Hash table, -1 where empty; kept at most half full.
    indices : (m,) int32, modified
        Receives the dense indices.

    Returns
    -------
    row : int64
        Rows encoded; less than m when `ids` or `table` must grow first.
    count : int64
        Known ids now.

    Notes
    -----
    Writes only to its own arguments, so calls on different vocabularies run in parallel.
    """
    mask = np.uint64(table.size - 1)
    room = min(np.int64(ids.size), np.int64(table.size // 2))
    for row in range(start, values.size):
        value = values[row]
        place = mix(np.uint64(value)) & mask
        index = table[place]
        while index != _EMPTY and ids[index] != value:
            place = (place + np.uint64(1)) & mask
            index = table[place]
        if index == _EMPTY:
            if count >= room:
                return row, count
            index = np.int32(count)
            ids[count] = value
            table[place] = index
            count += 1
        indices[row] = index
    return np.int64(values.size), count


@kernel
def fill_integer_table(ids, table):
    """Enter ids into an empty table.

    Parameters
    ----------
    ids : (n,) int64, read-only
        Ids in dense order.
    table : (2**b,) int32, modified
        All -1 before; more than n slots.

    Returns
    -------
    int64
        The dense index of the first id that equals an earlier one, or -1 when all differ.
    """
    mask = np.uint64(table.size - 1)
    for index in range(ids.size):
        place = mix(np.uint64(ids[index])) & mask
        while table[place] != _EMPTY:
            if ids[table[place]] == ids[index]:
                return np.int64(index)
            place = (place + np.uint64(1)) & mask
        table[place] = np.int32(index)
    return np.int64(-1)


@kernel
def lookup_integers(values, ids, table, indices):
    """Find the dense index of every integer, -1 where it is unknown.

    Parameters
    ----------
    values : (m,) int64, read-only
        Raw ids.
    ids : (n,) int64, read-only
        Known ids in dense order.
    table : (2**b,) int32, read-only
        Their hash table.
    indices : (m,) int32, modified
        Receives the dense indices.
    """
    mask = np.uint64(table.size - 1)
    for row in range(values.size):
        place = mix(np.uint64(values[row])) & mask
        index = table[place]
        while index != _EMPTY and ids[index] != values[row]:
            place = (place + np.uint64(1)) & mask
            index = table[place]
        indices[row] = index

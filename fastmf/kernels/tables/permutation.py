"""Random order without an array of it: a bijection of [0, n), and gathering rows in its order.

A Feistel network (Luby and Rackoff, 1988) over pairs of numbers: position p is written as
``left * n_right + right``, and each round adds a hash of one half to the other, modulo its size.
Every round can be undone, so the whole is a permutation of ``n_left * n_right`` positions, which
are a few more than n; a position that lands beyond n is sent on until it does not (Black and
Rogaway, 2002), which keeps it a permutation.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel

__all__ = [
    "BLOCK_WORDS",
    "ROUNDS",
    "count_blocks",
    "gather_codes",
    "gather_floats",
    "gather_integers",
    "gather_short_integers",
    "permute",
    "select_rows",
]

ROUNDS = 6
"""Rounds of the network, each with a key."""

BLOCK_WORDS = 8
"""64-bit words of a selection's bitmap that are counted together."""

_BLOCK_ROWS = 64 * BLOCK_WORDS

_ROWS = types.Array(types.int64, 1, "C", readonly=True)
_ROWS_OUT = types.Array(types.int64, 1, "C")
_WORDS = types.Array(types.uint64, 1, "C", readonly=True)
_KEYS = types.Array(types.uint32, 1, "C", readonly=True)
_INT32 = types.Array(types.int32, 1, "C", readonly=True)
_UINT16 = types.Array(types.uint16, 1, "C", readonly=True)
_UINT8 = types.Array(types.uint8, 1, "C", readonly=True)
_FLOATS = types.Array(types.float32, 1, "C", readonly=True)
_INT32_OUT = types.Array(types.int32, 1, "C")
_FLOATS_OUT = types.Array(types.float32, 1, "C")
_HALVES_OUT = types.Array(types.uint32, 2, "C")
_INT = types.int64


@intrinsic
def _count_ones(typing_context, word):
    """Return the number of bits that are set in 64."""
    return types.uint64(types.uint64), lambda context, builder, sig, args: builder.ctpop(args[0])


@njit(error_model="numpy")
def _hashed(half, key, size):
    """Return a number below `size` that depends on 32 bits and a key (Murmur3's finalizer)."""
    word = np.uint32(half ^ key)
    word = np.uint32(np.uint32(word ^ (word >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    word = np.uint32(np.uint32(word ^ (word >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    word = np.uint32(word ^ (word >> np.uint32(16)))
    return np.uint32((np.uint64(word) * np.uint64(size)) >> np.uint64(32))


@njit(error_model="numpy")
def _sum_modulo(left, right, size):
    """Return the sum of two numbers below `size`, modulo it."""
    room = np.uint32(size - right)
    return np.uint32(left - room) if left >= room else np.uint32(left + right)


@njit(error_model="numpy")
def _send(lefts, rights, n_left, n_right, keys):
    """Send pairs of halves through the network, in place."""
    for round_ in range(0, ROUNDS, 2):
        left_key, right_key = keys[round_], keys[round_ + 1]
        for k in range(lefts.size):
            left, right = lefts[k], rights[k]
            left = _sum_modulo(left, _hashed(right, left_key, n_left), n_left)
            lefts[k] = left
            rights[k] = _sum_modulo(right, _hashed(left, right_key, n_right), n_right)


@kernel(
    signature=types.void(_INT, _INT, _INT, _INT, _KEYS, _HALVES_OUT, _ROWS_OUT),
    error_model="numpy",
)
def permute(first, n, n_left, n_right, keys, halves, out):
    """Set ``out[k]`` to where the permutation sends ``first + k``.

    Parameters
    ----------
    first : int64
        ``0 <= first <= n - m``.
    n : int64
        What is permuted is [0, n).
    n_left, n_right : int64
        Sizes of the halves, below 2**32; their product is at least n.
    keys : (ROUNDS,) uint32
    halves : (2, at least m) uint32, modified in place
        Scratch memory.
    out : (m,) int64, modified in place
    """
    sizes = np.uint32(n_left), np.uint32(n_right)
    lefts, rights = halves[0, : out.size], halves[1, : out.size]
    left, right = np.uint32(first // n_right), np.uint32(first % n_right)
    for k in range(out.size):
        lefts[k], rights[k] = left, right
        right = np.uint32(right + np.uint32(1))
        if right == sizes[1]:
            left, right = np.uint32(left + np.uint32(1)), np.uint32(0)
    _send(lefts, rights, *sizes, keys)
    for k in range(out.size):
        out[k] = np.int64(lefts[k]) * n_right + np.int64(rights[k])
    for k in range(out.size):
        while out[k] >= n:
            lefts[0], rights[0] = np.uint32(out[k] // n_right), np.uint32(out[k] % n_right)
            _send(lefts[:1], rights[:1], *sizes, keys)
            out[k] = np.int64(lefts[0]) * n_right + np.int64(rights[0])


@kernel(signature=types.void(_WORDS, _ROWS_OUT))
def count_blocks(words, starts):
    """Count the rows selected before each block of a bitmap.

    Parameters
    ----------
    words : (b * BLOCK_WORDS,) uint64
        The bitmap, least significant bit first; no bit is set beyond the last row.
    starts : (b + 1,) int64, modified in place
        The last is the number of rows selected.
    """
    total = np.int64(0)
    for block in range(starts.size - 1):
        starts[block] = total
        for word in range(block * BLOCK_WORDS, (block + 1) * BLOCK_WORDS):
            total += np.int64(_count_ones(words[word]))
    starts[starts.size - 1] = total


@kernel(signature=types.void(_WORDS, _ROWS, _ROWS, _INT, _ROWS_OUT))
def select_rows(words, starts, hints, shift, ranks):
    """Replace the number of a row among the selected ones by its number among all.

    Parameters
    ----------
    words : (b * BLOCK_WORDS,) uint64
        The bitmap.
    starts : (b + 1,) int64
        As `count_blocks` leaves them.
    hints : (h + 1,) int64
        The block of every ``2**shift``-th selected row, and the last block.
    shift : int64
    ranks : (m,) int64, modified in place
        Receives the rows.
    """
    for k in range(ranks.size):
        rank = ranks[k]
        low, high = hints[rank >> shift], hints[(rank >> shift) + 1]
        while low < high:  # the last block that starts at or before the rank
            middle = (low + high + 1) >> 1
            if starts[middle] <= rank:
                low = middle
            else:
                high = middle - 1
        left = rank - starts[low]
        word = low * BLOCK_WORDS
        count = np.int64(_count_ones(words[word]))
        while count <= left:
            left -= count
            word += 1
            count = np.int64(_count_ones(words[word]))
        ranks[k] = 64 * word + _place_of_bit(words[word], left)


@njit
def _place_of_bit(bits, rank):
    """Return the place of the bit that `rank` set bits are below, by halves."""
    place = np.int64(0)
    size = np.uint64(32)
    while size > 0:
        low = bits & ((np.uint64(1) << size) - np.uint64(1))
        count = np.int64(_count_ones(low))
        if count <= rank:
            rank -= count
            place += np.int64(size)
            bits >>= size
        else:
            bits = low
        size >>= np.uint64(1)
    return place


@kernel(signature=types.void(_INT32, _ROWS, _INT32_OUT))
def gather_integers(column, rows, out):
    """Set ``out = column[rows]``.

    Parameters
    ----------
    column : (n,) int32
    rows : (m,) int64
    out : (m,) int32, modified in place
    """
    for k in range(rows.size):
        out[k] = column[np.uint64(rows[k])]


@kernel(signature=types.void(_UINT16, _ROWS, _INT32_OUT))
def gather_short_integers(column, rows, out):
    """Set ``out = column[rows]``.

    Parameters
    ----------
    column : (n,) uint16
    rows : (m,) int64
    out : (m,) int32, modified in place
    """
    for k in range(rows.size):
        out[k] = np.int32(column[np.uint64(rows[k])])


@kernel(signature=types.void(_FLOATS, _ROWS, _FLOATS_OUT))
def gather_floats(column, rows, out):
    """Set ``out = column[rows]``.

    Parameters
    ----------
    column : (n,) float32
    rows : (m,) int64
    out : (m,) float32, modified in place
    """
    for k in range(rows.size):
        out[k] = column[np.uint64(rows[k])]


@kernel(signature=types.void(_UINT8, _FLOATS, _ROWS, _FLOATS_OUT))
def gather_codes(column, levels, rows, out):
    """Set ``out = levels[column[rows]]``.

    Parameters
    ----------
    column : (n,) uint8
    levels : (256,) float32
    rows : (m,) int64
    out : (m,) float32, modified in place
    """
    for k in range(rows.size):
        out[k] = levels[column[np.uint64(rows[k])]]

"""Hash encoding of string ids: byte strings to dense indices, in order of appearance.

The table and the way of growing are those of `fastmf.kernels.tables.integer_ids`; the strings lie
one behind the other in one array of bytes, and the hash of each is kept beside.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import mix

__all__ = ["encode_strings", "fill_string_table", "hash_strings", "lookup_strings"]

_WORD_STEP = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.int32(-1)


@kernel(inline="always")
def _word(data, at):
    """Read 8 bytes as one number; LLVM joins the eight loads into one of 64 bits."""
    word = np.uint64(data[at])
    word |= np.uint64(data[at + 1]) << np.uint64(8)
    word |= np.uint64(data[at + 2]) << np.uint64(16)
    word |= np.uint64(data[at + 3]) << np.uint64(24)
    word |= np.uint64(data[at + 4]) << np.uint64(32)
    word |= np.uint64(data[at + 5]) << np.uint64(40)
    word |= np.uint64(data[at + 6]) << np.uint64(48)
    word |= np.uint64(data[at + 7]) << np.uint64(56)
    return word


@kernel(inline="always")
def _hash_bytes(data, begin, end):
    """Hash bytes [begin, end): 8 at a time, each word mixed into the state.

    The last word of a string of 8 bytes or more overlaps the one before: no loop over single bytes.
    """
    state = np.uint64(end - begin) * _WORD_STEP
    if end - begin >= 8:
        at = np.uint64(begin)
        last = np.uint64(end - 8)
        while at < last:
            state = mix(state ^ _word(data, at)) + _WORD_STEP
            at += np.uint64(8)
        return mix(state ^ _word(data, last))
    word = np.uint64(0)
    for byte in range(np.uint64(begin), np.uint64(end)):
        word = (word << np.uint64(8)) | np.uint64(data[byte])
    return mix(state ^ word)


@kernel(inline="always")
def _same_bytes(a, a_begin, a_end, b, b_begin, b_end):
    """Whether two byte ranges hold the same string."""
    length = a_end - a_begin
    if length != b_end - b_begin:
        return False
    one = np.uint64(a_begin)
    other = np.uint64(b_begin)
    if length >= 8:
        last = np.uint64(a_end - 8)
        while one < last:
            if _word(a, one) != _word(b, other):
                return False
            one += np.uint64(8)
            other += np.uint64(8)
        return _word(a, last) == _word(b, np.uint64(b_end - 8))
    for offset in range(np.uint64(length)):  # noqa: SIM110 - compiled code has no generators
        if a[one + offset] != b[other + offset]:
            return False
    return True


@kernel(inline="always")
def _look_ahead(offsets, data, start, stop, id_offsets, id_data, id_hashes, table, hashes, touched):
    """Hash the strings of rows [start, stop), and touch what finding them will read.

    Step by step for all rows, so that the processor waits for many places of memory at a time:
    one string after the other, it would wait for four places in a row with each of them.
    """
    mask = np.uint64(table.size - 1)
    for row in range(start, stop):
        hashes[row - start] = _hash_bytes(data, offsets[row], offsets[row + 1])
    for ahead in range(stop - start):
        touched[ahead] = np.int64(table[hashes[ahead] & mask])
    for ahead in range(stop - start):
        index = max(touched[ahead], np.int64(0))
        begin = id_offsets[index]
        likely = id_hashes[index] == hashes[ahead]
        touched[ahead] = begin if likely else np.int64(0)
    for ahead in range(stop - start):
        place = min(touched[ahead], np.int64(id_data.size - 1))
        touched[ahead] = np.int64(id_data[place])


@kernel
def encode_strings(
    offsets,
    data,
    start,
    id_offsets,
    id_data,
    id_hashes,
    count,
    table,
    indices,
    hashes,
    touched,
):
    """Give every byte string its dense index, inserting the unseen ones.

    Parameters
    ----------
    offsets : (m + 1,) int64, read-only
        Where each string begins in `data` (the layout of Arrow's large_string).
    data : (b,) uint8, read-only
        The bytes of the strings.
    start : int64
        First row to encode.
    id_offsets : (n + 1,) int64, modified
        Where each known id begins in `id_data`; entry `count` is where the next one goes.
    id_data : (c,) uint8, modified
        The bytes of the known ids.
    id_hashes : (n,) uint64, modified
        Hash of each known id: compared before the bytes, and enough to rebuild the table.
    count : int64
        Known ids so far.
    table : (2**b,) int32, modified
        Hash table, -1 where empty; kept at most half full.
    indices : (m,) int32, modified
        Receives the dense indices.
    hashes, touched : (a,) uint64 and (a,) int64, modified
        Work arrays: memory is asked for `a` strings ahead of its use.

    Returns
    -------
    row : int64
        Rows encoded; less than m when one of the id arrays or `table` must grow first.
    count : int64
        Known ids now.

    Notes
    -----
    Writes only to its own arguments, so calls on different vocabularies run in parallel.
    """
    mask = np.uint64(table.size - 1)
    room = min(np.int64(id_hashes.size), np.int64(table.size // 2))
    n_rows = np.int64(offsets.size - 1)
    for first in range(start, n_rows, hashes.size):
        stop = min(first + np.int64(hashes.size), n_rows)
        _look_ahead(
            offsets, data, first, stop, id_offsets, id_data, id_hashes, table, hashes, touched
        )
        for row in range(first, stop):
            begin = offsets[row]
            end = offsets[row + 1]
            hashed = hashes[row - first]
            place = hashed & mask
            index = table[place]
            while index != _EMPTY and not (
                id_hashes[index] == hashed
                and _same_bytes(id_data, id_offsets[index], id_offsets[index + 1], data, begin, end)
            ):
                place = (place + np.uint64(1)) & mask
                index = table[place]
            if index == _EMPTY:
                free = id_offsets[count]
                if count >= room or free + (end - begin) > id_data.size:
                    return np.int64(row), count
                for offset in range(end - begin):
                    id_data[free + offset] = data[begin + offset]
                id_offsets[count + 1] = free + (end - begin)
                id_hashes[count] = hashed
                index = np.int32(count)
                table[place] = index
                count += 1
            indices[row] = index
    return n_rows, count


@kernel
def hash_strings(offsets, data, hashes):
    """Hash every string.

    Parameters
    ----------
    offsets : (m + 1,) int64, read-only
        Where each string begins in `data`.
    data : (b,) uint8, read-only
        The bytes of the strings.
    hashes : (m,) uint64, modified
        Receives the hashes.
    """
    for row in range(offsets.size - 1):
        hashes[row] = _hash_bytes(data, offsets[row], offsets[row + 1])


@kernel
def fill_string_table(offsets, data, hashes, table):
    """Enter strings into an empty table.

    Parameters
    ----------
    offsets : (n + 1,) int64, read-only
        Where each id begins in `data`.
    data : (b,) uint8, read-only
        The bytes of the ids.
    hashes : (n,) uint64, read-only
        Their hashes.
    table : (2**b,) int32, modified
        All -1 before; more than n slots.

    Returns
    -------
    int64
        The dense index of the first id that equals an earlier one, or -1 when all differ.
    """
    mask = np.uint64(table.size - 1)
    for index in range(hashes.size):
        place = hashes[index] & mask
        while table[place] != _EMPTY:
            other = table[place]
            if hashes[other] == hashes[index] and _same_bytes(
                data, offsets[other], offsets[other + 1], data, offsets[index], offsets[index + 1]
            ):
                return np.int64(index)
            place = (place + np.uint64(1)) & mask
        table[place] = np.int32(index)
    return np.int64(-1)


@kernel
def lookup_strings(offsets, data, id_offsets, id_data, id_hashes, table, indices):
    """Find the dense index of every string, -1 where it is unknown.

    Parameters
    ----------
    offsets, data : (m + 1,) int64 and (b,) uint8, read-only
        The strings to find.
    id_offsets, id_data, id_hashes : (n + 1,) int64, (c,) uint8 and (n,) uint64, read-only
        Known ids in dense order.
    table : (2**b,) int32, read-only
        Their hash table.
    indices : (m,) int32, modified
        Receives the dense indices.
    """
    mask = np.uint64(table.size - 1)
    for row in range(offsets.size - 1):
        begin = offsets[row]
        end = offsets[row + 1]
        hashed = _hash_bytes(data, begin, end)
        place = hashed & mask
        index = table[place]
        while index != _EMPTY:
            if id_hashes[index] == hashed and _same_bytes(
                id_data, id_offsets[index], id_offsets[index + 1], data, begin, end
            ):
                break
            place = (place + np.uint64(1)) & mask
            index = table[place]
        indices[row] = index

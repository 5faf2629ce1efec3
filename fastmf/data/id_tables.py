"""Hash tables of raw ids: growing ones that encode, finished ones that look up."""

from __future__ import annotations

import mmap
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastmf.data.arrays import Array, frozen
from fastmf.data.arrow_views import as_arrow, as_numpy
from fastmf.kernels.tables import integer_ids, string_ids

__all__ = [
    "IntegerEncoder",
    "IntegerTable",
    "StringEncoder",
    "StringTable",
    "as_ids",
    "string_buffers",
    "whole_numbers",
]

_SMALLEST_TABLE = 1 << 10
# Strings whose places in memory are asked for at a time.
_ROWS_AHEAD = 128
# A table indexed by ids takes 4 bytes an id up to the largest: 128 MiB at most.
_MOST_SMALL_IDS = 1 << 25
# Of such a table in large pages, no more than this is taken for ids that lie far apart.
_LEAST_LARGE_PAGES, _MOST_LARGE_PAGES = 1 << 21, 1 << 25
_LARGE_PAGES = getattr(mmap, "MADV_HUGEPAGE", None)
# 18 digits always fit into 64 bits; a column of integers with gaps is often written with points.
_WHOLE_NUMBER = r"^(0|-?[1-9][0-9]{0,17})(\.0*)?$"
_NUMBER_TYPES = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_null,
)
_TEXT_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
)


def _table_slots(n_ids: int) -> int:
    """Return the power of two that keeps a table of this many ids at most half full."""
    slots = _SMALLEST_TABLE
    while slots < 2 * n_ids:
        slots *= 2
    return slots


def string_buffers(strings: pa.Array) -> tuple[Array, Array]:
    """Return the offsets and the bytes of an Arrow array of strings.

    Parameters
    ----------
    strings : pyarrow.Array
        (m,) large_string, no nulls.

    Returns
    -------
    offsets : (m + 1,) int64 ndarray
        Read-only, nothing copied; string i is ``data[offsets[i]:offsets[i + 1]]``.
    data : (b,) uint8 ndarray
        Read-only, nothing copied.
    """
    _, offsets, data = strings.buffers()
    if len(strings) == 0 or offsets is None:
        return frozen(np.zeros(1, np.int64)), frozen(np.zeros(0, np.uint8))
    starts = np.frombuffer(offsets, np.int64)[strings.offset : strings.offset + len(strings) + 1]
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return frozen(starts), frozen(text)


def as_ids(column: pa.Array) -> pa.Array | None:
    """Turn an Arrow column of raw ids into int64 or large_string.

    Parameters
    ----------
    column : pyarrow.Array
        Integers, whole floating-point numbers, text, or a dictionary of these. Nulls stay.

    Returns
    -------
    pyarrow.Array or None
        int64 or large_string; None when the column holds anything else.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if any(is_kind(kind) for is_kind in _NUMBER_TYPES):
        wanted = pa.int64()
    elif any(is_kind(kind) for is_kind in _TEXT_TYPES):
        wanted = pa.large_string()
    else:
        return None
    try:
        return column if kind == wanted else column.cast(wanted)
    except pa.ArrowInvalid:
        # Fractions, integers beyond int64, bytes that are not UTF-8.
        return None


def whole_numbers(text: pa.Array) -> pa.Array | None:
    """Turn ids that are text into integers.

    Parameters
    ----------
    text : pyarrow.Array
        (m,) string or large_string; nulls stay.

    Returns
    -------
    pyarrow.Array or None
        int64 where all are the text of a whole number, ``7`` or ``7.0``; None where some are not
        (``007`` and ``7.5`` are not).
    """
    trimmed = pc.ascii_trim_whitespace(text)
    if not pc.all(pc.match_substring_regex(trimmed, _WHOLE_NUMBER), min_count=0).as_py():
        return None
    if pc.any(pc.match_substring(trimmed, "."), min_count=0).as_py():
        trimmed = pc.replace_substring_regex(trimmed, r"\.0*$", "")
    return trimmed.cast(pa.int64())


class IntegerTable:
    """Hash table over finished integer ids."""

    def __init__(self, ids: pa.Array) -> None:
        self.ids = frozen(as_numpy(ids), np.int64)
        table = np.full(_table_slots(len(ids)), -1, np.int32)
        self.repeated = int(integer_ids.fill_integer_table(self.ids, table))
        self.table = frozen(table)

    def lookup(self, ids: pa.Array) -> Array:
        """Return the int32 indices of ids of this kind, -1 where unknown."""
        indices = np.empty(len(ids), np.int32)
        integer_ids.lookup_integers(frozen(as_numpy(ids), np.int64), self.ids, self.table, indices)
        return indices


class StringTable:
    """Hash table over finished string ids."""

    def __init__(self, ids: pa.Array) -> None:
        self.offsets, self.data = string_buffers(ids.cast(pa.large_string()))
        hashes = np.empty(len(ids), np.uint64)
        string_ids.hash_strings(self.offsets, self.data, hashes)
        self.hashes = frozen(hashes)
        table = np.full(_table_slots(len(ids)), -1, np.int32)
        self.repeated = int(
            string_ids.fill_string_table(self.offsets, self.data, self.hashes, table)
        )
        self.table = frozen(table)

    def lookup(self, ids: pa.Array) -> Array:
        """Return the int32 indices of ids of this kind, -1 where unknown."""
        indices = np.empty(len(ids), np.int32)
        offsets, data = string_buffers(ids)
        string_ids.lookup_strings(
            offsets, data, self.offsets, self.data, self.hashes, self.table, indices
        )
        return indices


class IntegerEncoder:
    """Growing table of integer ids: indexed by the ids while they are small, hashed otherwise."""

    def __init__(self) -> None:
        self.count = 0
        self._ids = np.empty(_SMALLEST_TABLE, np.int64)
        self._table = np.zeros(_SMALLEST_TABLE, np.int32)
        self._direct = True

    def encode(self, ids: pa.Array, indices: Array) -> None:
        """Fill `indices` with the dense indices of integer ids, inserting the unseen ones."""
        values = as_numpy(ids)
        row = self._encode_small(values, indices) if self._direct else 0
        if row < len(values):
            self._encode_hashed(frozen(values, np.int64), row, indices)

    def _encode_small(self, values: Array, indices: Array) -> int:
        """Encode by a table that ids index, up to the first id that is too large for it."""
        small = _narrowed(values)
        row = 0
        while small is not None:
            row, count = integer_ids.encode_small_integers(
                small, np.int64(row), self._ids, np.int64(self.count), self._table, indices
            )
            self.count = int(count)
            if row == len(small):
                return len(small)
            next_id = int(small[row])
            if not 0 <= next_id < _MOST_SMALL_IDS:
                break
            self._grow_ids()
            if next_id >= self._table.size:
                larger = _fresh_zeros(1 << next_id.bit_length())
                larger[: self._table.size] = self._table
                self._table = larger
        self._direct = False
        self._hash_all()
        return int(row)

    def _encode_hashed(self, values: Array, row: int, indices: Array) -> None:
        """Encode by a hash table, from a row on."""
        while True:
            row, count = integer_ids.encode_integers(
                values, np.int64(row), self._ids, np.int64(self.count), self._table, indices
            )
            self.count = int(count)
            if row == len(values):
                return
            self._grow_ids()
            self._hash_all()

    def _grow_ids(self) -> None:
        if self.count == self._ids.size:
            self._ids = _grown(self._ids, 2 * self._ids.size)

    def _hash_all(self) -> None:
        """Enter all ids into a new hash table."""
        self._table = np.full(_table_slots(self._ids.size), -1, np.int32)
        integer_ids.fill_integer_table(frozen(self._ids[: self.count]), self._table)

    def finish(self) -> pa.Array:
        """Return all ids in dense order; nothing may be encoded after."""
        return as_arrow(self._ids[: self.count].copy())


class StringEncoder:
    """Growing hash table of string ids; the strings lie one behind the other in one buffer."""

    def __init__(self) -> None:
        self.count = 0
        self._offsets = np.zeros(_SMALLEST_TABLE // 2 + 1, np.int64)
        self._data = np.empty(16 * _SMALLEST_TABLE, np.uint8)
        self._hashes = np.empty(_SMALLEST_TABLE // 2, np.uint64)
        self._table = np.full(_SMALLEST_TABLE, -1, np.int32)
        self._ahead = np.empty(_ROWS_AHEAD, np.uint64), np.empty(_ROWS_AHEAD, np.int64)

    def encode(self, ids: pa.Array, indices: Array) -> None:
        """Fill `indices` with the dense indices of ids of this kind, inserting the unseen ones."""
        offsets, data = string_buffers(ids)
        row = 0
        while True:
            row, count = string_ids.encode_strings(
                offsets,
                data,
                np.int64(row),
                self._offsets,
                self._data,
                self._hashes,
                np.int64(self.count),
                self._table,
                indices,
                *self._ahead,
            )
            self.count = int(count)
            if row == len(ids):
                return
            self._grow(int(offsets[row + 1] - offsets[row]))

    def _grow(self, next_bytes: int) -> None:
        """Make room for the next string, in whichever array lacks it."""
        if int(self._offsets[self.count]) + next_bytes > self._data.size:
            self._data = _grown(self._data, 2 * self._data.size + next_bytes)
        if self.count == self._hashes.size:
            self._offsets = _grown(self._offsets, 2 * self._hashes.size + 1)
            self._hashes = _grown(self._hashes, 2 * self._hashes.size)
            self._table = np.full(2 * self._table.size, -1, np.int32)
            string_ids.fill_string_table(
                frozen(self._offsets[: self.count + 1]),
                frozen(self._data),
                frozen(self._hashes[: self.count]),
                self._table,
            )

    def finish(self) -> pa.Array:
        """Return all ids in dense order; nothing may be encoded after."""
        used = int(self._offsets[self.count])
        # Copies give back what the arrays had grown beyond need.
        offsets = pa.py_buffer(self._offsets[: self.count + 1].copy())
        data = pa.py_buffer(self._data[:used].copy())
        return pa.Array.from_buffers(pa.large_string(), self.count, [None, offsets, data])


def _narrowed(ids: Array) -> Array | None:
    """Return ids as int32, read-only; None where some do not fit."""
    if len(ids) and not np.can_cast(ids.dtype, np.int32):
        limits = np.iinfo(np.int32)
        if ids.min() < limits.min or ids.max() > limits.max:
            return None
    return frozen(ids, np.int32)


def _fresh_zeros(n: int) -> Array:
    """Return int32 zeros in memory fresh from the system: where no id lies, none is taken.

    Of the tables that many users need, large pages save a tenth of the time to encode, as one finds
    its way to a small page by another table. Larger ones may be mostly empty.
    """
    n_bytes = 4 * n
    if not _LEAST_LARGE_PAGES <= n_bytes <= _MOST_LARGE_PAGES or _LARGE_PAGES is None:
        return np.zeros(n, np.int32)
    memory = mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # the system has none
        memory.madvise(_LARGE_PAGES)
    return np.frombuffer(memory, np.int32)


def _grown(array: Array, size: int) -> Array:
    """Return a larger array that begins with the same entries."""
    larger = np.empty(size, array.dtype)
    larger[: array.size] = array
    return larger

"""Raw ids and their dense indices: integers and strings alike, in order of first appearance."""

from __future__ import annotations

from typing import Any, Literal, Protocol, Self, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastmf.data.arrays import Array, frozen
from fastmf.errors import DataError
from fastmf.kernels import ids as kernels

__all__ = ["Vocabulary", "VocabularyBuilder", "as_ids", "string_buffers"]

Kind = Literal["int", "str"]

# Dense indices are int32.
MAX_IDS = 2**31 - 1
_SMALLEST_TABLE = 1 << 10
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
_CANONICAL_INTEGER = "^(0|-?[1-9][0-9]{0,18})$"


class _Table(Protocol):
    """What finds dense indices: one for integers and one for strings."""

    def lookup(self, ids: pa.Array) -> Array: ...


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


class _IntegerTable:
    """Hash table over finished integer ids."""

    def __init__(self, ids: pa.Array) -> None:
        self.ids = frozen(ids.to_numpy(), np.int64)
        table = np.full(_table_slots(len(ids)), -1, np.int32)
        self.repeated = int(kernels.fill_integer_table(self.ids, table))
        self.table = frozen(table)

    def lookup(self, ids: pa.Array) -> Array:
        indices = np.empty(len(ids), np.int32)
        kernels.lookup_integers(frozen(ids.to_numpy(), np.int64), self.ids, self.table, indices)
        return indices


class _StringTable:
    """Hash table over finished string ids."""

    def __init__(self, ids: pa.Array) -> None:
        self.offsets, self.data = string_buffers(ids.cast(pa.large_string()))
        hashes = np.empty(len(ids), np.uint64)
        kernels.hash_strings(self.offsets, self.data, hashes)
        self.hashes = frozen(hashes)
        table = np.full(_table_slots(len(ids)), -1, np.int32)
        self.repeated = int(kernels.fill_string_table(self.offsets, self.data, self.hashes, table))
        self.table = frozen(table)

    def lookup(self, ids: pa.Array) -> Array:
        indices = np.empty(len(ids), np.int32)
        offsets, data = string_buffers(ids)
        kernels.lookup_strings(
            offsets, data, self.offsets, self.data, self.hashes, self.table, indices
        )
        return indices


class Vocabulary:
    """The raw ids of users or items; an id's place among them is its dense index.

    Immutable. Made by reading ratings, or by `Vocabulary.from_ids`.

    Parameters
    ----------
    ids : pyarrow.Array
        (n,) int64 or large_string, no nulls, no duplicates. Not checked here: `from_ids` does.

    Attributes
    ----------
    ids : pyarrow.Array
        The raw ids in dense order.
    kind : {"int", "str"}
        Whether the raw ids are integers or text.
    """

    def __init__(self, ids: pa.Array) -> None:
        self.ids = ids
        self.kind: Kind = "int" if pa.types.is_integer(ids.type) else "str"
        self._table: _Table | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.kind == other.kind and bool(self.ids.equals(other.ids))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} {self.kind} ids)"

    @classmethod
    def from_ids(cls, ids: Any) -> Self:
        """Make a vocabulary of unique raw ids in this order.

        Parameters
        ----------
        ids : sequence, ndarray or pyarrow.Array
            (n,) integers or strings.

        Returns
        -------
        Vocabulary

        Raises
        ------
        DataError
            On a null, on an id that occurs twice, and on ids of another type.
        """
        column = as_ids(_arrow_array(ids))
        if column is None:
            raise DataError("ids must be integers or text")
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise DataError(f"the id in place {row + 1} is missing")
        vocabulary = cls(column)
        table = _IntegerTable(column) if vocabulary.kind == "int" else _StringTable(column)
        if table.repeated >= 0:
            raise DataError(
                f"the id {column[table.repeated].as_py()!r} in place {table.repeated + 1} "
                "occurs twice; ids must be unique"
            )
        vocabulary._table = table
        return vocabulary

    def lookup(self, ids: Any) -> Array:
        """Find the dense indices of raw ids.

        Digits given as text match integer ids, and integers match text ids by their digits.

        Parameters
        ----------
        ids : sequence, ndarray or pyarrow.Array
            (m,) raw ids.

        Returns
        -------
        ndarray
            (m,) int32, -1 where the id is unknown (or null).
        """
        wanted, known = self._in_own_kind(_arrow_array(ids))
        if self._table is None:
            self._table = _IntegerTable(self.ids) if self.kind == "int" else _StringTable(self.ids)
        indices = self._table.lookup(wanted)
        if known is not None:
            indices[~known] = -1
        return indices

    def _in_own_kind(self, ids: pa.Array) -> tuple[pa.Array, Array | None]:
        """Return ids as this vocabulary's type, and which of them can be known at all."""
        if pa.types.is_dictionary(ids.type):
            ids = ids.dictionary_decode()
        if pa.types.is_floating(ids.type):
            # A column of integers with gaps arrives as floating-point numbers: gaps are unknown.
            # From 2^53 on they no longer tell neighbouring integers apart.
            numbers = ids.fill_null(float("nan")).to_numpy(zero_copy_only=False)
            whole = (np.abs(numbers) < 2.0**53) & (numbers == np.floor(numbers))
            ids = pa.array(np.where(whole, numbers, 0).astype(np.int64), mask=~whole)
        column = as_ids(ids)
        if column is None:
            column = pa.array([str(value) for value in ids.to_pylist()], pa.large_string())
        if self.kind == "str":
            column = column.cast(pa.large_string())
        elif not pa.types.is_integer(column.type):
            canonical = pc.match_substring_regex(column, _CANONICAL_INTEGER)
            column = _parse_integers(pc.if_else(canonical, column, None))
        if column.null_count == 0:
            return column, None
        known = column.is_valid().to_numpy(zero_copy_only=False)
        return column.fill_null(0 if self.kind == "int" else ""), known

    def take(self, index: Any) -> Array:
        """Return the raw ids at dense indices.

        Parameters
        ----------
        index : int array
            (m,) dense indices, each in [0, n).

        Returns
        -------
        ndarray
            (m,) int64, or object holding str.

        Raises
        ------
        IndexError
            If an index is outside [0, n).
        """
        places = np.asarray(index, dtype=np.int64)
        if places.size and (places.min() < 0 or places.max() >= len(self)):
            raise IndexError(f"dense indices must lie in [0, {len(self)})")
        taken = self.ids.take(pa.array(places))
        return cast(Array, taken.to_numpy(zero_copy_only=False))


def _parse_integers(digits: pa.Array) -> pa.Array:
    """Parse canonical integers; those of 19 digits may still be too large for int64: null."""
    try:
        return digits.cast(pa.int64())
    except pa.ArrowInvalid:
        limits = np.iinfo(np.int64)
        values = [None if text is None else int(text) for text in digits.to_pylist()]
        fitting = [v if v is not None and limits.min <= v <= limits.max else None for v in values]
        return pa.array(fitting, pa.int64())


def _arrow_array(ids: Any) -> pa.Array:
    """Return any sequence of ids as one Arrow array."""
    if isinstance(ids, pa.ChunkedArray):
        return ids.combine_chunks()
    if isinstance(ids, pa.Array):
        return ids
    try:
        return pa.array(ids)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Ids of mixed types: their text still says which one is meant.
        return pa.array([None if value is None else str(value) for value in ids])


class VocabularyBuilder:
    """Encodes chunks of raw ids and collects the vocabulary while doing so.

    Parameters
    ----------
    role : str
        What the ids are, for messages: ``"user"`` or ``"item"``.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self._encoder: _IntegerEncoder | _StringEncoder | None = None

    def encode(self, ids: pa.Array) -> Array:
        """Return the dense indices of a chunk of ids; ids not seen before get the next ones.

        Parameters
        ----------
        ids : pyarrow.Array
            (m,) int64 or large_string (see `as_ids`), no nulls; the same type in every chunk.

        Returns
        -------
        ndarray
            (m,) int32.

        Raises
        ------
        DataError
            When integers and text are mixed, or on more ids than an int32 index can count.
        """
        encoder_type = _IntegerEncoder if pa.types.is_integer(ids.type) else _StringEncoder
        if self._encoder is None:
            self._encoder = encoder_type()
        if not isinstance(self._encoder, encoder_type):
            raise DataError(
                f"{self.role} ids are integers in one part of the data and text in another; "
                "give them one type"
            )
        indices = np.empty(len(ids), np.int32)
        self._encoder.encode(ids, indices)
        if self._encoder.count > MAX_IDS:
            raise DataError(f"more than {MAX_IDS:,} {self.role}s")
        return indices

    def finish(self) -> Vocabulary:
        """Return the vocabulary of all ids seen; the builder must not be used after.

        Returns
        -------
        Vocabulary
        """
        if self._encoder is None:
            return Vocabulary(pa.array([], pa.int64()))
        return Vocabulary(self._encoder.finish())


class _IntegerEncoder:
    """Growing hash table of integer ids."""

    def __init__(self) -> None:
        self.count = 0
        self._ids = np.empty(_SMALLEST_TABLE // 2, np.int64)
        self._table = np.full(_SMALLEST_TABLE, -1, np.int32)

    def encode(self, ids: pa.Array, indices: Array) -> None:
        values = frozen(ids.to_numpy(), np.int64)
        row = 0
        while True:
            row, count = kernels.encode_integers(
                values, np.int64(row), self._ids, np.int64(self.count), self._table, indices
            )
            self.count = int(count)
            if row == len(values):
                return
            self._ids = _grown(self._ids, 2 * self._ids.size)
            self._table = np.full(2 * self._table.size, -1, np.int32)
            kernels.fill_integer_table(frozen(self._ids[: self.count]), self._table)

    def finish(self) -> pa.Array:
        return pa.array(self._ids[: self.count])


class _StringEncoder:
    """Growing hash table of string ids; the strings lie one behind the other in one buffer."""

    def __init__(self) -> None:
        self.count = 0
        self._offsets = np.zeros(_SMALLEST_TABLE // 2 + 1, np.int64)
        self._data = np.empty(16 * _SMALLEST_TABLE, np.uint8)
        self._hashes = np.empty(_SMALLEST_TABLE // 2, np.uint64)
        self._table = np.full(_SMALLEST_TABLE, -1, np.int32)

    def encode(self, ids: pa.Array, indices: Array) -> None:
        offsets, data = string_buffers(ids)
        row = 0
        while True:
            row, count = kernels.encode_strings(
                offsets,
                data,
                np.int64(row),
                self._offsets,
                self._data,
                self._hashes,
                np.int64(self.count),
                self._table,
                indices,
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
            kernels.fill_string_table(
                frozen(self._offsets[: self.count + 1]),
                frozen(self._data),
                frozen(self._hashes[: self.count]),
                self._table,
            )

    def finish(self) -> pa.Array:
        used = int(self._offsets[self.count])
        # Copies give back what the arrays had grown beyond need.
        offsets = pa.py_buffer(self._offsets[: self.count + 1].copy())
        data = pa.py_buffer(self._data[:used].copy())
        return pa.Array.from_buffers(pa.large_string(), self.count, [None, offsets, data])


def _grown(array: Array, size: int) -> Array:
    """Return a larger array that begins with the same entries."""
    larger = np.empty(size, array.dtype)
    larger[: array.size] = array
    return larger

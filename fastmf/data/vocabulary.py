"""Raw ids and their dense indices: integers and strings alike, in order of first appearance."""

from __future__ import annotations

from typing import Any, Literal, Self, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastmf.data.arrays import Array
from fastmf.data.arrow_views import as_arrow, as_numpy
from fastmf.data.id_tables import IntegerEncoder, IntegerTable, StringEncoder, StringTable, as_ids
from fastmf.errors import DataError

__all__ = ["Vocabulary", "VocabularyBuilder"]

Kind = Literal["int", "str"]

# Dense indices are int32.
MAX_IDS = 2**31 - 1
_CANONICAL_INTEGER = "^(0|-?[1-9][0-9]{0,18})$"


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
        self._table: IntegerTable | StringTable | None = None

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
        table = IntegerTable(column) if vocabulary.kind == "int" else StringTable(column)
        if table.repeated >= 0:
            raise DataError(
                f"the id {column[table.repeated].as_py()!r} in place {table.repeated + 1} "
                "occurs twice; ids must be unique"
            )
        vocabulary._table = table
        return vocabulary

    def lookup(self, ids: Any) -> Array:
        """Find the dense indices of raw ids.

        Digits given as text (``7``, ``7.0``) match integer ids, and integers match text ids by
        their digits.

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
            self._table = IntegerTable(self.ids) if self.kind == "int" else StringTable(self.ids)
        indices = self._table.lookup(wanted)
        if known is not None:
            indices[~known] = -1
        return indices

    def index_of(self, other: Vocabulary) -> Array:
        """Find the dense indices of the ids of another vocabulary.

        Parameters
        ----------
        other : Vocabulary

        Returns
        -------
        ndarray
            (len(other),) int32, -1 where this vocabulary lacks the id.
        """
        if other is self:
            return np.arange(len(self), dtype=np.int32)
        return self.lookup(other.ids)

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
            if pc.any(pc.match_substring(column, "."), min_count=0).as_py():
                column = pc.replace_substring_regex(column, r"^(0|-?[1-9][0-9]*)\.0*$", r"\1")
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
        if self.kind == "int":
            return as_numpy(self.ids)[places]
        taken = self.ids.take(as_arrow(places))
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
    if not isinstance(ids, (pa.Array, pa.ChunkedArray)):
        try:
            ids = pa.array(ids)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            # Ids of mixed types: their text still says which one is meant.
            ids = pa.array([None if value is None else str(value) for value in ids])
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids


class VocabularyBuilder:
    """Encodes chunks of raw ids and collects the vocabulary while doing so.

    Parameters
    ----------
    role : str
        What the ids are, for messages: ``"user"`` or ``"item"``.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self._encoder: IntegerEncoder | StringEncoder | None = None

    def encode(self, ids: pa.Array, indices: Array) -> None:
        """Find the dense indices of a chunk of ids; ids not seen before get the next ones.

        Parameters
        ----------
        ids : pyarrow.Array
            (m,) integers that fit int64, or large_string, no nulls; text or integers in all chunks.
        indices : ndarray
            (m,) int32; receives the indices.

        Raises
        ------
        DataError
            When integers and text are mixed, or on more ids than an int32 index can count.
        """
        encoder_type = IntegerEncoder if pa.types.is_integer(ids.type) else StringEncoder
        if self._encoder is None:
            self._encoder = encoder_type()
        if not isinstance(self._encoder, encoder_type):
            here, before = "text", "integers"
            if encoder_type is IntegerEncoder:
                here, before = before, here
            raise DataError(
                f"the {self.role} ids are {here} here and {before} in the data before; "
                "give them one type"
            )
        self._encoder.encode(ids, indices)
        if self._encoder.count > MAX_IDS:
            raise DataError(f"more than {MAX_IDS:,} {self.role}s")

    def finish(self) -> Vocabulary:
        """Return the vocabulary of all ids seen; the builder must not be used after.

        Returns
        -------
        Vocabulary
        """
        if self._encoder is None:
            return Vocabulary(as_arrow(np.empty(0, np.int64)))
        return Vocabulary(self._encoder.finish())

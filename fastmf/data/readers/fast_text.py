"""Delimited text to columns by a kernel: plain fields, with ids that are integers or text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array, frozen
from fastmf.data.columns import Roles
from fastmf.data.readers.dialect import Dialect
from fastmf.data.readers.part import RawBatch
from fastmf.kernels.text.columns import (
    DATE,
    DOUBLED,
    INTEGER,
    NUMBER,
    RUNS,
    SINGLE,
    SKIPPED,
    TEXT,
    parse_columns,
)

__all__ = ["FastText", "Parsed"]

_COPY_BYTES = 8  # texts are copied so many bytes at a time
_STYLES = {"::": DOUBLED, " ": RUNS}


class Parsed(NamedTuple):
    """What the kernel made of a text."""

    batch: RawBatch | None  # None for no rows
    aside: Array  # (a, 2) int64, begin and end of the lines that it does not read


class FastText:
    """Turns the records of one file into columns, as far as they are written plainly.

    Parameters
    ----------
    dialect : Dialect
        How the file is written.
    roles : Roles
        Which column is which.
    types : dict of str to pyarrow.DataType
        The types of the needed columns, by their places from ``"0"``.
    """

    def __init__(self, dialect: Dialect, roles: Roles, types: dict[str, pa.DataType]) -> None:
        self._style = _STYLES.get(dialect.separator, SINGLE)
        self._separator = np.uint8(ord(dialect.separator[0]))
        self._line_end = np.uint8(ord(dialect.line_end))
        kinds = np.full(dialect.n_fields, SKIPPED, np.uint8)
        self._places = [
            place for place in (roles.user, roles.item, roles.time) if place is not None
        ]
        for place in self._places:
            kinds[place] = _kind_of(types[str(place)])
        if roles.rating is not None:
            kinds[roles.rating] = NUMBER
        # Texts come first, so that a text has the same slot among integers, for its ends.
        order = sorted(self._places, key=lambda place: kinds[place] != TEXT)
        self._slots = np.zeros(dialect.n_fields, np.int64)
        self._slots[order] = np.arange(len(order))
        self._n_texts = int(np.count_nonzero(kinds == TEXT))
        self._kinds = kinds
        self._roles = roles
        usable_time = roles.time is None or kinds[roles.time] != SKIPPED
        self.usable = usable_time and dialect.decimal_point(roles.rating) == "."

    def parse(self, text: bytes, stop: int, *, most_aside: int = 0) -> Parsed | None:
        """Parse whole records.

        Parameters
        ----------
        text : bytes
            As they stand in the file.
        stop : int
            Where they end.
        most_aside : int, optional
            How many lines the kernel may leave out.

        Returns
        -------
        Parsed or None
            None where it would be more, and the text is for a slower parser.
        """
        if not self.usable:
            return None
        # A line has a byte at least for each field, and one behind it.
        room = stop // (2 * len(self._kinds)) + 1
        integers = np.empty((len(self._places), room + 1), np.int64)
        numbers = np.empty((1, room), np.float32)
        letters = np.empty((self._n_texts, stop + _COPY_BYTES if self._n_texts else 0), np.uint8)
        aside = np.empty((most_aside, 2), np.int64)
        n_rows, n_aside, at = parse_columns(
            frozen(np.frombuffer(text, np.uint8)),
            *(np.int64(0), np.int64(stop)),
            *(self._separator, self._style, self._line_end),
            *(frozen(self._kinds), frozen(self._slots)),
            *(integers, numbers, letters, aside),
        )
        if at < stop:
            return None
        batch = self._batch(n_rows, integers, numbers, letters)
        try:
            for column in batch:
                if column is not None and column.type == pa.large_string():
                    column.validate(full=True)
        except pa.ArrowInvalid:  # text that is not UTF-8
            return None
        return Parsed(batch if n_rows else None, aside[:n_aside])

    def _batch(self, n_rows: int, integers: Array, numbers: Array, letters: Array) -> RawBatch:
        """View what the kernel wrote as Arrow columns; nothing is copied."""

        def column(place: int | None) -> pa.Array | None:
            if place is None:
                return None
            slot = self._slots[place]
            if self._kinds[place] == TEXT:
                ends = integers[slot, : n_rows + 1]
                buffers = [None, pa.py_buffer(ends), pa.py_buffer(letters[slot, : ends[-1]])]
                return pa.Array.from_buffers(pa.large_string(), n_rows, buffers)
            kind = pa.timestamp("s") if self._kinds[place] == DATE else pa.int64()
            values = pa.py_buffer(integers[slot, :n_rows])
            return pa.Array.from_buffers(kind, n_rows, [None, values])

        values = None
        roles = self._roles
        if roles.rating is not None:
            rated = pa.py_buffer(numbers[0, :n_rows])
            values = pa.Array.from_buffers(pa.float32(), n_rows, [None, rated])
        columns = column(roles.user), column(roles.item), values, column(roles.time)
        return RawBatch.of(columns)


def _kind_of(type_: pa.DataType) -> np.uint8:
    """Return how the kernel reads a column; `SKIPPED` for what it does not read."""
    if type_ == pa.int64():
        return INTEGER
    if pa.types.is_large_string(type_):
        return TEXT
    zoned = pa.types.is_timestamp(type_) and type_.tz is not None
    if pa.types.is_date32(type_) or (pa.types.is_timestamp(type_) and not zoned):
        return DATE
    return SKIPPED

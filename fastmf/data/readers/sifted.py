"""Rows that are left out as they are read: those that cannot be used, and those without a rating.

A sifted part stands between a reader and what encodes its rows. It remembers a bit for each row, so
that messages still name the rows of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastmf.data.arrays import Array
from fastmf.data.readers.part import Part, RawBatch, ReadOptions, unreadable
from fastmf.data.values import complaint_about

__all__ = ["SiftedPart", "left_out_note", "sifted"]

_NAMED_ROWS = 5
_BEYOND_INT64 = 2.0**63


class _Sieve(NamedTuple):
    """What became of the rows of one batch."""

    n_rows: int
    kept_bits: Array  # packed, one a row
    n_kept: int
    n_bad: int
    bad: list[tuple[int, str]]  # the first rows of them, and what is wrong


class SiftedPart(Part):
    """A part without the rows that cannot be used or have no rating.

    Parameters
    ----------
    inner : Part
        Where all rows come from.
    options : ReadOptions
        Which rows to leave out.
    """

    def __init__(self, inner: Part, options: ReadOptions) -> None:
        super().__init__(inner.name)
        self.notes = inner.notes
        self.roles = inner.roles
        self._inner = inner
        self._options = options
        self._sieves: dict[int, _Sieve] = {}

    @property
    def independent(self) -> bool:
        """Whether batches may be decoded at the same time."""
        return self._inner.independent

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that decode one batch each."""
        for number, decode in enumerate(self._inner.batches()):
            yield partial(self._sift, number, decode)

    def _sift(self, number: int, decode: Callable[[], RawBatch | None]) -> RawBatch | None:
        batch = decode()
        if batch is None:
            return None
        kept = np.ones(len(batch.values), np.bool_)
        bad = np.zeros(0, np.int64)
        if self._options.on_bad_rows == "skip":
            kept = _usable(batch)
            bad = np.flatnonzero(~kept)
        n_bad = len(bad)
        if self.roles.marker is not None:
            kept &= ~_equal_to(batch.values, self.roles.marker.value)
        n_kept = int(np.count_nonzero(kept))
        complaints = [(int(row), _complaint(batch, int(row))) for row in bad[:_NAMED_ROWS]]
        self._sieves[number] = _Sieve(len(kept), np.packbits(kept), n_kept, n_bad, complaints)
        if n_kept == 0:
            return None
        if n_kept < len(kept):
            mask = pa.array(kept)
            batch = RawBatch(*(None if column is None else column.filter(mask) for column in batch))
        if self._options.unrated == "interactions":
            batch = batch._replace(values=pa.array(np.ones(n_kept, np.float32)))
        return batch

    def place(self, row: int) -> str:
        """Say where a row (from 0) of those that were kept is."""
        before = 0
        for number in sorted(self._sieves):
            sieve = self._sieves[number]
            if row < sieve.n_kept:
                kept = np.unpackbits(sieve.kept_bits, count=sieve.n_rows)
                return self._inner.place(before + int(np.flatnonzero(kept)[row]))
            row -= sieve.n_kept
            before += sieve.n_rows
        return self._inner.place(before + row)

    def finish(self) -> list[str]:
        """Return what the reader had to say, and how many rows were left out and why."""
        notes = self._inner.finish()
        sieves = [self._sieves[number] for number in sorted(self._sieves)]
        n_rows = sum(sieve.n_rows for sieve in sieves)
        extent = self._inner.extent
        if extent is not None and n_rows != extent.n_rows:
            found = f"{n_rows:,} rows where it promises {extent.n_rows:,}"
            raise unreadable(self.name, ValueError(found))
        n_bad = sum(sieve.n_bad for sieve in sieves)
        if n_bad:
            notes.append(left_out_note(self.name, n_bad, self._first_bad(sieves)))
        n_kept = sum(sieve.n_kept for sieve in sieves)
        return notes + self._unrated_notes(n_rows, n_kept, n_rows - n_bad - n_kept)

    def _first_bad(self, sieves: list[_Sieve]) -> list[str]:
        first: list[str] = []
        before = 0
        for sieve in sieves:
            if len(first) >= _NAMED_ROWS:
                break
            for row, complaint in sieve.bad:
                place = self._inner.place(before + row).removeprefix(f"{self.name}, ")
                first.append(f"{place}: {complaint}")
            before += sieve.n_rows
        return first[:_NAMED_ROWS]

    def _unrated_notes(self, n_rows: int, n_kept: int, n_marked: int) -> list[str]:
        notes = []
        marker = self.roles.marker
        interactions = self._options.unrated == "interactions"
        if marker is not None and n_marked:
            remedy = "no interactions" if interactions else "--unrated interactions keeps them"
            notes.append(
                f"{self.name}: {n_marked:,} of {n_rows:,} rows say {marker.meaning!r} "
                f"({marker.value}): left out; {remedy}"
            )
        if interactions and n_kept:
            notes.append(
                f"{self.name}: {_rows(n_kept)} taken as interactions of value 1, rated or not"
            )
        return notes


def sifted(part: Part, options: ReadOptions) -> Part:
    """Put a sieve behind a reader, if there is anything to leave out or to change.

    Parameters
    ----------
    part : Part
        What the reader opened.
    options : ReadOptions
        Which rows to leave out.

    Returns
    -------
    Part
        The same one, or a `SiftedPart`.
    """
    plain = (
        options.on_bad_rows == "error"
        and options.unrated != "interactions"
        and part.roles.marker is None
    )
    return part if plain else SiftedPart(part, options)


def left_out_note(name: str, n_rows: int, first: list[str]) -> str:
    """Make the note on rows that cannot be used.

    Parameters
    ----------
    name : str
        The source.
    n_rows : int
        How many there are.
    first : list of str
        Where the first are, and what is wrong with them.

    Returns
    -------
    str
    """
    more = "; ..." if n_rows > len(first) else ""
    return f"{name}: {_rows(n_rows)} left out that cannot be used: {'; '.join(first)}{more}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _usable(batch: RawBatch) -> Array:
    """Return which rows have ids and a rating that can be held."""
    return _usable_ids(batch.users) & _usable_ids(batch.items) & _usable_values(batch.values)


def _present(column: pa.Array) -> Array:
    present: Array = column.is_valid().to_numpy(zero_copy_only=False)
    return present


def _usable_ids(column: pa.Array) -> Array:
    column = _plain(column)
    present = _present(column)
    kind = column.type
    if pa.types.is_floating(kind):
        ids = column.to_numpy(zero_copy_only=False)
        whole: Array = (np.floor(ids) == ids) & (np.abs(ids) < _BEYOND_INT64)
        return present & whole
    if pa.types.is_uint64(kind):
        small = pc.less_equal(column, pa.scalar(2**63 - 1, pa.uint64())).fill_null(False)
        fits: Array = small.to_numpy(zero_copy_only=False)
        return present & fits
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return present & np.array([_is_utf8(value) for value in column.to_pylist()], np.bool_)
    return present


def _is_utf8(value: bytes | None) -> bool:
    try:
        return value is not None and value.decode() is not None
    except UnicodeDecodeError:
        return False


def _usable_values(column: pa.Array) -> Array:
    exact = _floating(column)
    if exact is None:
        return _present(column)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        single = exact.astype(np.float32, copy=False)
    usable: Array = np.isfinite(single) & ((single != 0) | (exact == 0))
    return usable


def _floating(column: pa.Array) -> Array | None:
    """Return fractional ratings with NaN for null; None for integers and what is no number."""
    column = _plain(column)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if not pa.types.is_floating(column.type):
        return None
    values: Array = column.to_numpy(zero_copy_only=False)
    return values


def _plain(column: pa.Array) -> pa.Array:
    """Return categories as what they stand for."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _equal_to(column: pa.Array, value: int) -> Array:
    """Return which ratings are a number; none where the column holds no numbers."""
    column = _plain(column)
    try:
        equal = pc.equal(column.cast(pa.float64(), safe=False), float(value)).fill_null(False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.zeros(len(column), np.bool_)  # refused later, with its type
    found: Array = equal.to_numpy(zero_copy_only=False)
    return found


def _complaint(batch: RawBatch, row: int) -> str:
    """Say what is wrong with a row that cannot be used."""
    for role, column in (("user", batch.users), ("item", batch.items)):
        value = column[row].as_py()
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return f"the {role} id is missing"
        if not _usable_ids(column.slice(row, 1))[0]:
            return f"the {role} id is {value}, neither an integer of 64 bits nor text"
    if not batch.values[row].is_valid:
        return "the rating is missing"
    return complaint_about(float(batch.values[row].as_py()))

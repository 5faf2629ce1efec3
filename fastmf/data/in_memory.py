"""Reading into memory, for tables that are there already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastmf.data.arrays import Array, Columns
from fastmf.data.filters import Duplicates, resolve_duplicates
from fastmf.data.ingest import Encoded, Progress, encode_parts
from fastmf.data.readers.part import Part
from fastmf.data.stored_columns import as_seconds
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import DataError

__all__ = ["InMemory", "MemorySink", "read_in_memory"]


class InMemory(NamedTuple):
    """What `fastmf.data.ratings.Ratings` are made of."""

    columns: Columns
    users: Vocabulary
    items: Vocabulary
    rating_range: tuple[float, float]
    notes: tuple[str, ...]


class _MemoryColumn:
    """Keeps the rows of one column."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = dtype
        self._pieces: list[Array] = []

    def append(self, rows: Array) -> None:
        """Keep a copy of rows behind those before."""
        self._pieces.append(rows.astype(self._dtype))

    def joined(self) -> Array:
        """Return all rows in a new array, and keep none."""
        pieces, self._pieces = self._pieces, []
        return np.concatenate([np.empty(0, self._dtype), *pieces])


class _MemoryTimes(_MemoryColumn):
    """Keeps times, as seconds."""

    def append(self, rows: Array) -> None:
        """Keep a copy of rows behind those before."""
        super().append(as_seconds(rows))


class MemorySink:
    """Collects columns in memory."""

    def __init__(self) -> None:
        self.users = _MemoryColumn(np.int32)
        self.items = _MemoryColumn(np.int32)
        self.values = _MemoryColumn(np.float32)
        self.times = _MemoryTimes(np.int64)

    def settle(self) -> None:
        """Nothing is left to decide."""

    def finish(self, *, has_time: bool) -> Columns:
        """Return all rows in new arrays.

        Parameters
        ----------
        has_time : bool
            Whether to return the times as well.

        Returns
        -------
        Columns
        """
        users, items, values = self.users.joined(), self.items.joined(), self.values.joined()
        return Columns(users, items, values, self.times.joined() if has_time else None)


def read_in_memory(
    parts: Iterable[Part],
    *,
    duplicates: Duplicates = "last",
    time_required: bool = False,
    progress: Progress | None = None,
    num_threads: int | None = None,
) -> InMemory:
    """Read parts into columns held in memory.

    Parameters
    ----------
    parts : iterable of Part
        What to read.
    duplicates : {"last", "mean", "sum", "error"}
        What to do with pairs that occur more than once.
    time_required : bool, optional
        Whether times that cannot be read are an error.
    progress : callable, optional
        Called with the rows done since the last call.
    num_threads : int, optional
        Threads to read with.

    Returns
    -------
    InMemory

    Raises
    ------
    DataError
        As `read_ratings` does.
    """
    sink = MemorySink()
    encoded = encode_parts(
        parts, sink, time_required=time_required, progress=progress, num_threads=num_threads
    )
    return _resolved(encoded, sink.finish(has_time=encoded.has_time), duplicates, num_threads)


def _resolved(
    encoded: Encoded, columns: Columns, duplicates: Duplicates, num_threads: int | None
) -> InMemory:
    """Take columns, each pair once."""
    if len(columns.value) == 0:
        raise DataError("the data: no ratings in it")
    users, items, notes = encoded.users, encoded.items, encoded.notes
    resolved, note = resolve_duplicates(
        columns, len(users), len(items), duplicates, encoded.place, num_threads
    )
    rating_range = encoded.rating_range
    if note is not None:
        rating_range = (float(resolved.value.min()), float(resolved.value.max()))
        notes = (*notes, note)
    return InMemory(resolved, users, items, rating_range, notes)

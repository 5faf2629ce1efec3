"""Reading into memory, for tables that are there already."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fastmf.data.arrays import Columns
from fastmf.data.filters import check_duplicates_option
from fastmf.data.ingest import Progress, encode_parts, finish_table
from fastmf.data.ratings import Duplicates, Ratings
from fastmf.data.readers.part import Part
from fastmf.data.sinks import empty_columns

__all__ = ["MemorySink", "read_in_memory"]


class MemorySink:
    """Collects columns in memory."""

    def __init__(self) -> None:
        self._chunks: list[Columns] = []

    def room(self, n_rows: int) -> Columns:
        """Return new columns."""
        return empty_columns(n_rows)

    def put(self, columns: Columns) -> None:
        """Keep rows behind those before."""
        self._chunks.append(columns)

    def finish(self) -> Columns:
        """Return all rows in new arrays."""
        chunks, self._chunks = self._chunks, []
        times = [chunk.time for chunk in chunks]
        return Columns(
            np.concatenate([np.empty(0, np.int32), *(chunk.user_index for chunk in chunks)]),
            np.concatenate([np.empty(0, np.int32), *(chunk.item_index for chunk in chunks)]),
            np.concatenate([np.empty(0, np.float32), *(chunk.value for chunk in chunks)]),
            np.concatenate([t for t in times if t is not None])
            if times and all(t is not None for t in times)
            else None,
        )


def read_in_memory(
    parts: Iterable[Part],
    *,
    duplicates: Duplicates = "last",
    time_required: bool = False,
    progress: Progress | None = None,
    num_threads: int | None = None,
) -> Ratings:
    """Read parts into ratings held in memory.

    Parameters
    ----------
    parts : iterable of Part
        What to read.
    duplicates : {"last", "mean", "error"}
        What to do with pairs that occur more than once.
    time_required : bool, optional
        Whether times that cannot be read are an error.
    progress : callable, optional
        Called with the rows done since the last call.
    num_threads : int, optional
        Threads to read with.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError, ParameterError
        As `read_ratings` does.
    """
    check_duplicates_option(duplicates)
    sink = MemorySink()
    encoded = encode_parts(
        parts, sink, time_required=time_required, progress=progress, num_threads=num_threads
    )
    columns, rating_range, notes = finish_table(
        encoded, sink, duplicates=duplicates, name="the data", num_threads=num_threads
    )
    return Ratings(columns, encoded.users, encoded.items, rating_range, notes=notes)

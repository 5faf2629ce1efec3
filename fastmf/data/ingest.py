"""From parts to dense columns: decode, encode, collect, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fastmf.data.arrow_views import as_arrow
from fastmf.data.batches import PreparedBatch, guarded_batches, prepare_batch, unreadable
from fastmf.data.filters import Duplicates, drop_duplicates
from fastmf.data.id_tables import IntegerEncoder
from fastmf.data.pipeline import Pipeline
from fastmf.data.readers.part import Part
from fastmf.data.repeats import count_repeats
from fastmf.data.sinks import GrowingSink, Sink
from fastmf.data.stored_columns import PIECE_ROWS, StoredColumns
from fastmf.data.values import BadRowError, TimeReader
from fastmf.data.vocabulary import Vocabulary, VocabularyBuilder
from fastmf.errors import DataError
from fastmf.parallel import Team

__all__ = ["Encoded", "Progress", "encode_parts", "finish_table"]

Progress = Callable[[int], None]
_Prepared = PreparedBatch | BadRowError | None


class Encoded(NamedTuple):
    """What encoding found, beside the columns in the sink."""

    users: Vocabulary
    items: Vocabulary
    has_time: bool
    rating_range: tuple[float, float]
    notes: tuple[str, ...]
    place: _Places


class _Places:
    """Remembers which rows came from which part, to say where a row is."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, Part]] = []
        self.n_rows = 0

    def begin(self, part: Part) -> None:
        self._parts.append((self.n_rows, part))

    def __call__(self, row: int) -> str:
        first, part = next(entry for entry in reversed(self._parts) if entry[0] <= row)
        return part.place(row - first)


def encode_parts(
    parts: Iterable[Part],
    sink: Sink,
    *,
    time_required: bool = False,
    progress: Progress | None = None,
    num_threads: int | None = None,
) -> Encoded:
    """Read all parts into a sink, giving ids dense indices in order of first appearance.

    Parameters
    ----------
    parts : iterable of Part
        What to read, in this order.
    sink : Sink
        Receives the dense columns.
    time_required : bool, optional
        Whether times that cannot be read are an error.
    progress : callable, optional
        Called with the rows done since the last call.
    num_threads : int, optional
        Threads to decode and encode with; the result does not depend on it.

    Returns
    -------
    Encoded

    Raises
    ------
    DataError
        On anything unusable, with its place.
    """
    encoder = _Encoder(sink, TimeReader(required=time_required), progress)
    with Team(num_threads) as team:
        for part in parts:
            encoder.run(team, part)
    return encoder.finish()


class _Encoder:
    """The state of `encode_parts`: two vocabularies, times, places."""

    def __init__(self, sink: Sink, times: TimeReader, progress: Progress | None) -> None:
        self.sink = sink
        self.times = times
        self.progress = progress
        self.users = VocabularyBuilder("user")
        self.items = VocabularyBuilder("item")
        self.places = _Places()
        self.notes: list[str] = []
        self.low, self.high = np.inf, -np.inf
        self.time_missing_in: str | None = None
        self.any_time = False
        self.rows_read = 0
        self.times_read = 0

    def run(self, team: Team, part: Part) -> None:
        """Read, decode and encode a part."""
        if self.places.n_rows == 0 and not self.notes:
            self.notes.extend(part.notes)
        self.places.begin(part)
        self.rows_read = self.times_read = 0
        batches = (partial(prepare_batch, part, decode) for decode in guarded_batches(part))
        steps = (
            partial(self._admit, part),
            _of_rows(partial(self._encode, self.users, part)),
            _of_rows(partial(self._encode, self.items, part)),
            _of_rows(partial(self._store_times, part)),
            _of_rows(self._store_values),
        )
        Pipeline(batches, steps, self._count, together=part.independent).run(team, _set_up_kernels)
        self._check_extent(part, complete=True)
        self.notes += part.finish()

    def _admit(self, part: Part, batch: _Prepared) -> None:
        """Refuse a batch that is unusable, or more than was promised."""
        if isinstance(batch, BadRowError):
            raise DataError(f"{part.place(self.rows_read + batch.row)}: {batch.complaint}")
        if batch is not None:
            self.rows_read += len(batch.values)
            self._check_extent(part)

    def _check_extent(self, part: Part, *, complete: bool = False) -> None:
        """Refuse a part that holds more rows than it promised, or in the end fewer."""
        if part.extent is None:
            return
        promised = part.extent.n_rows
        if self.rows_read > promised or (complete and self.rows_read < promised):
            found = f"{self.rows_read:,} rows where it promises {promised:,}"
            raise unreadable(part.name, ValueError(found))

    def _encode(self, vocabulary: VocabularyBuilder, part: Part, batch: PreparedBatch) -> None:
        """Give the ids of a batch their indices, a piece at a time, which stays in the cache."""
        users = vocabulary is self.users
        column, out = (batch.users, self.sink.users) if users else (batch.items, self.sink.items)
        indices = np.empty(min(PIECE_ROWS, len(column)), np.int32)
        for start in range(0, len(column), PIECE_ROWS):
            piece = column.slice(start, PIECE_ROWS)
            encoded = indices[: len(piece)]
            try:
                vocabulary.encode(piece, encoded)
            except DataError as error:
                raise DataError(f"{part.name}: {error}") from error
            out.append(encoded)

    def _store_values(self, batch: PreparedBatch) -> None:
        self.sink.values.append(batch.values)
        self.low = min(self.low, float(batch.values.min()))
        self.high = max(self.high, float(batch.values.max()))

    def _store_times(self, part: Part, batch: PreparedBatch) -> None:
        if batch.time is None:
            self.time_missing_in = self.time_missing_in or part.name
        else:
            self.any_time = True
            self._store_time(part, batch.time)
        self.times_read += len(batch.values)

    def _store_time(self, part: Part, column: pa.Array) -> None:
        """Read the times of a batch, a piece at a time, which stays in the cache."""
        for start in range(0, len(column), PIECE_ROWS):
            try:
                seconds = self.times.read(column.slice(start, PIECE_ROWS))
            except BadRowError as error:
                place = part.place(self.times_read + start + error.row)
                raise DataError(f"{place}: {error.complaint}") from error
            except DataError as error:
                raise DataError(f"{part.name}: {error}") from error
            if seconds is not None and self.time_missing_in is None:
                self.sink.times.append(seconds)

    def _count(self, batch: _Prepared) -> None:
        if not isinstance(batch, PreparedBatch):
            return
        self.places.n_rows += len(batch.values)
        self.sink.settle()
        if self.progress is not None:
            self.progress(len(batch.values))

    def finish(self) -> Encoded:
        has_time = self.any_time and self.time_missing_in is None
        if self.any_time and self.time_missing_in is not None:
            self.notes.append(f"times left out: {self.time_missing_in} has none")
        if self.times.complaint is not None:
            has_time = False
            self.notes.append(f"times left out: {self.times.complaint}")
        return Encoded(
            self.users.finish(),
            self.items.finish(),
            has_time,
            (self.low, self.high),
            tuple(self.notes),
            self.places,
        )


def _of_rows(step: Callable[[PreparedBatch], None]) -> Callable[[_Prepared], None]:
    """Make a step that passes over batches without rows."""

    def take(batch: _Prepared) -> None:
        if isinstance(batch, PreparedBatch):
            step(batch)

    return take


def _set_up_kernels() -> None:
    """Encode nothing, so that what the first compiled function of a process needs is there."""
    IntegerEncoder().encode(as_arrow(np.empty(0, np.int32)), np.empty(0, np.int32))


def finish_table(
    encoded: Encoded,
    sink: GrowingSink,
    *,
    duplicates: Duplicates,
    name: str,
    num_threads: int | None = None,
) -> tuple[StoredColumns, tuple[float, float], tuple[str, ...]]:
    """Take the columns out of a sink, resolve duplicates, measure the rating range.

    Parameters
    ----------
    encoded : Encoded
        What `encode_parts` returned.
    sink : Sink
        The one it filled.
    duplicates : {"last", "mean", "sum", "error"}
        What to do with pairs that occur more than once.
    name : str
        What messages call the source.
    num_threads : int, optional
        Threads of the duplicates check.

    Returns
    -------
    columns : StoredColumns
    rating_range : tuple of float
        Least and greatest rating.
    notes : tuple of str

    Raises
    ------
    DataError
        Without any rows, or on duplicates that are an error.
    """
    if encoded.place.n_rows == 0:
        raise DataError(f"{name}: no ratings in it")
    stored = sink.finish(has_time=encoded.has_time, num_threads=num_threads)
    n_users, n_items = len(encoded.users), len(encoded.items)
    if count_repeats(stored, n_users, n_items, num_threads) == 0:
        return stored, encoded.rating_range, encoded.notes
    resolved, note = drop_duplicates(sink.wide(stored), n_users, n_items, duplicates, encoded.place)
    rating_range = (float(resolved.value.min()), float(resolved.value.max()))
    return sink.rewrite(resolved), rating_range, (*encoded.notes, note)

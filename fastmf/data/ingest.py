"""From parts to dense columns: decode, encode, collect, a group of batches at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array, Columns
from fastmf.data.columns import BadRowError, TimeReader, read_values
from fastmf.data.filters import resolve_duplicates
from fastmf.data.id_tables import as_ids
from fastmf.data.ratings import Duplicates
from fastmf.data.readers.part import Part, RawBatch, TextIdsError
from fastmf.data.vocabulary import Vocabulary, VocabularyBuilder
from fastmf.errors import DataError, FastMFError
from fastmf.parallel import Team

__all__ = [
    "Encoded",
    "Progress",
    "Sink",
    "encode_parts",
    "finish_table",
    "unreadable",
]

Progress = Callable[[int], None]
Decoder = Callable[[], RawBatch | None]


class Sink(Protocol):
    """Where dense columns go as they are made."""

    def append(self, columns: Columns) -> None:
        """Add rows behind those before."""

    def finish(self) -> Columns:
        """Return all rows, writable; nothing may be appended after."""


class _Prepared(NamedTuple):
    """A decoded batch whose ids, ratings and row count are checked."""

    users: pa.Array
    items: pa.Array
    values: Array
    time: pa.Array | None


class Encoded(NamedTuple):
    """What encoding found, beside the columns in the sink."""

    users: Vocabulary
    items: Vocabulary
    has_time: bool
    notes: tuple[str, ...]
    place: Callable[[int], str]


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
            encoder.begin(part)
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
        self.time_missing_in: str | None = None
        self.any_time = False
        self.times_read = 0

    def begin(self, part: Part) -> None:
        if self.places.n_rows == 0 and not self.notes:
            self.notes.extend(part.notes)
        self.places.begin(part)
        self.times_read = 0

    def run(self, team: Team, part: Part) -> None:
        """Read, decode, encode and store, each a group of batches ahead of the next."""
        jobs = _guarded(part, part.batches())
        group_size = team.num_threads if part.independent else 1
        decoders: list[Decoder] = list(islice(jobs, group_size))
        group: list[_Prepared] = []
        done: list[Columns] = []
        first_row = 0
        while decoders or group or done:
            tasks: list[Callable[[], Any]] = [
                *(partial(_prepare, part, decoder) for decoder in decoders),
                partial(self._encode_all, self.users, [batch.users for batch in group]),
                partial(self._encode_all, self.items, [batch.items for batch in group]),
                partial(self._read_times, part, group),
                partial(self._store, done),
                partial(list, islice(jobs, group_size)),
            ]
            *decoded, users, items, times, stored, decoders = team.map(_call, tasks)
            if self.progress is not None and stored:
                self.progress(stored)
            values = [batch.values for batch in group]
            done = [Columns(*columns) for columns in zip(users, items, values, times, strict=True)]
            group = []
            for result in decoded:
                if isinstance(result, BadRowError):
                    place = part.place(first_row + result.row)
                    raise DataError(f"{place}: {result.complaint}")
                if result is not None:
                    group.append(result)
                    first_row += len(result.values)

    @staticmethod
    def _encode_all(builder: VocabularyBuilder, columns: list[pa.Array]) -> list[Array]:
        return [builder.encode(column) for column in columns]

    def _store(self, done: list[Columns]) -> int:
        for columns in done:
            self.sink.append(columns)
            self.places.n_rows += len(columns.value)
        return sum(len(columns.value) for columns in done)

    def _read_times(self, part: Part, group: list[_Prepared]) -> list[Array | None]:
        times = []
        for batch in group:
            times.append(self._read_time(part, batch))
            self.times_read += len(batch.values)
        return times

    def _read_time(self, part: Part, batch: _Prepared) -> Array | None:
        if batch.time is None:
            self.time_missing_in = self.time_missing_in or part.name
            return None
        self.any_time = True
        try:
            return self.times.read(batch.time)
        except BadRowError as error:
            place = part.place(self.times_read + error.row)
            raise DataError(f"{place}: {error.complaint}") from error
        except DataError as error:
            raise DataError(f"{part.name}: {error}") from error

    def finish(self) -> Encoded:
        has_time = self.any_time and self.time_missing_in is None
        if self.any_time and self.time_missing_in is not None:
            self.notes.append(f"times left out: {self.time_missing_in} has none")
        if self.times.complaint is not None:
            has_time = False
            self.notes.append(f"times left out: {self.times.complaint}")
        return Encoded(
            self.users.finish(), self.items.finish(), has_time, tuple(self.notes), self.places
        )


def _call(task: Callable[[], Any]) -> Any:
    return task()


def _guarded(
    part: Part, jobs: Iterator[Callable[[], RawBatch | None]]
) -> Iterator[Callable[[], RawBatch | None]]:
    """Yield the jobs of a part; whatever goes wrong in reading it becomes a `DataError`."""
    while True:
        try:
            job = next(jobs, None)
        except (FastMFError, TextIdsError):
            raise
        except Exception as error:
            raise unreadable(part.name, error) from error
        if job is None:
            return
        yield job


def unreadable(name: str, error: Exception) -> DataError:
    """Make the one line that says why a file cannot be read."""
    reason = str(error).strip().splitlines()
    what = reason[0] if reason else type(error).__name__
    return DataError(f"{name}: cannot be read, the file is damaged or cut short: {what}")


def _prepare(part: Part, decode: Callable[[], RawBatch | None]) -> _Prepared | BadRowError | None:
    """Decode one batch and check it; runs on any thread."""
    try:
        raw = decode()
        if raw is None:
            return None
        return _Prepared(
            _checked_ids(raw.users, "user", part.name),
            _checked_ids(raw.items, "item", part.name),
            read_values(raw.values),
            raw.time,
        )
    except BadRowError as error:
        # Only who collects the batches in order knows which row of the file this is.
        return error
    except TextIdsError:
        raise
    except FastMFError as error:
        if str(error).startswith(part.name):
            raise
        raise DataError(f"{part.name}: {error}") from error
    except Exception as error:
        # Arrow reports damage by a dozen types of exception, from OSError to OverflowError.
        raise unreadable(part.name, error) from error


def _checked_ids(column: pa.Array, role: str, name: str) -> pa.Array:
    """Return ids as int64 or large_string, all present."""
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise BadRowError(row, f"the {role} id is missing")
    ids = as_ids(column)
    if ids is None:
        raise DataError(
            f"{name}: the {role} column holds {column.type} that are neither integers nor text; "
            f"convert it, or name another with --{role}-column ({role}_column= in Python)"
        )
    return ids


def finish_table(
    encoded: Encoded,
    sink: Sink,
    *,
    duplicates: Duplicates,
    name: str,
    num_threads: int | None = None,
) -> tuple[Columns, tuple[float, float], tuple[str, ...]]:
    """Take the columns out of a sink, resolve duplicates, measure the rating range.

    Parameters
    ----------
    encoded : Encoded
        What `encode_parts` returned.
    sink : Sink
        The one it filled.
    duplicates : {"last", "mean", "error"}
        What to do with pairs that occur more than once.
    name : str
        What messages call the source.
    num_threads : int, optional
        Threads of the duplicates check.

    Returns
    -------
    columns : Columns
    rating_range : tuple of float
        Least and greatest rating.
    notes : tuple of str

    Raises
    ------
    DataError
        Without any rows, or on duplicates that are an error.
    """
    columns = sink.finish()
    if len(columns.value) == 0:
        raise DataError(f"{name}: no ratings in it")
    if not encoded.has_time:
        columns = columns._replace(time=None)
    columns, note = resolve_duplicates(
        columns, len(encoded.users), len(encoded.items), duplicates, encoded.place, num_threads
    )
    rating_range = (float(columns.value.min()), float(columns.value.max()))
    return columns, rating_range, tuple(chain(encoded.notes, [note] if note else []))

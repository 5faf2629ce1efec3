"""`read_ratings`: any source to `Ratings`, by way of a store that is kept for the next time."""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastmf.data.batches import unreadable
from fastmf.data.cache import cached_store, describe_source, is_current, store_cache_folder
from fastmf.data.columns import ColumnNames
from fastmf.data.filters import check_duplicates_option
from fastmf.data.folders import held_folder, new_folder
from fastmf.data.in_memory import read_in_memory
from fastmf.data.ingest import Progress, encode_parts, finish_table
from fastmf.data.ratings import Duplicates, Ratings
from fastmf.data.readers import find_parts, open_part
from fastmf.data.readers.frames import open_frame
from fastmf.data.readers.part import Extent, Part, ReadOptions, TextIdsError
from fastmf.data.sinks import FileSink, GrowingSink
from fastmf.data.store import open_store
from fastmf.data.store_header import is_store
from fastmf.data.store_writer import write_store_files, writing_errors
from fastmf.errors import DataError, FastMFError

__all__ = ["read_ratings"]


@dataclass(frozen=True)
class _Request:
    """What `read_ratings` was asked for."""

    options: ReadOptions
    duplicates: Duplicates
    progress: Progress | None
    num_threads: int | None

    @property
    def time_required(self) -> bool:
        return self.options.names.time is not None

    def key(self) -> dict[str, Any]:
        """Return what makes one store of a source differ from another."""
        return {**self.options.names._asdict(), "duplicates": self.duplicates}


def read_ratings(
    source: Any,
    *,
    user_column: str | None = None,
    item_column: str | None = None,
    rating_column: str | None = None,
    time_column: str | None = None,
    duplicates: Duplicates = "last",
    cache: bool = True,
    progress: Progress | None = None,
    num_threads: int | None = None,
    trainable: bool = True,
) -> Ratings:
    """Read ratings from a file, a folder, or a table in memory.

    A file or folder is turned into a store once, in bounded memory, and opened by memory map. The
    store is kept in a cache (see `fastmf.data.cache.store_cache_folder`), found again the next
    time, and made anew when the source has changed.

    Parameters
    ----------
    source : str, path or object
        A Parquet, Arrow, Feather or delimited text file (CSV, TSV, ``;``, ``|``, ``::``, spaces;
        also compressed), a folder of such parts, a store (which has its columns already, and no
        duplicates); or a pandas DataFrame, an object with
        the Arrow C stream (polars ...), a SciPy sparse matrix, a tuple of 3 or 4 arrays (users,
        items, values, times); or a `Ratings`, which is returned as it is.
    user_column, item_column, rating_column, time_column : str, optional
        Names of the columns; by default they are found by their usual names. In text without a
        header, columns are named by their numbers from ``"1"``.
    duplicates : {"last", "mean", "error"}, optional
        What to do with (user, item) pairs that occur more than once: keep the rating of the row
        that comes last in the file (its time does not matter; of a folder, the parts follow each
        other in the order of their names), or the mean of all, or refuse.
    cache : bool, optional
        Whether to keep the store of a file. Otherwise it goes when the process ends.
    progress : callable, optional
        Called with the rows read since the last call.
    num_threads : int, optional
        Threads to read with; default all processors. The result does not depend on it.
    trainable : bool, optional
        Whether to refuse ratings of only one user or one item; evaluation has no need to.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        When the source cannot be read or holds anything unusable; says what and where.
    ParameterError
        On an unknown value of `duplicates`.
    """
    check_duplicates_option(duplicates)
    names = ColumnNames(user_column, item_column, rating_column, time_column)
    request = _Request(ReadOptions(names), duplicates, progress, num_threads)
    if isinstance(source, Ratings):
        ratings = source
    elif not isinstance(source, (str, os.PathLike)):
        ratings = _read_frame(source, request)
    else:
        if not os.fspath(source):
            raise DataError("the path of the ratings is empty; name a file or a folder")
        path = Path(source).expanduser()
        ratings = open_store(path) if is_store(path) else _read_path(path, request, cache)
    if trainable:
        _check_trainable(ratings)
    return ratings


def _read_frame(source: Any, request: _Request) -> Ratings:
    return read_in_memory(
        [open_frame(source, request.options)],
        duplicates=request.duplicates,
        time_required=request.time_required,
        progress=request.progress,
        num_threads=request.num_threads,
    )


def _read_path(path: Path, request: _Request, cache: bool) -> Ratings:
    """Open the store of a path, made now where there is none that is current."""
    parts = find_parts(path)
    source = describe_source(path, parts, request.key())
    store = cached_store(path, request.key())
    if cache:
        kept = _open_current(store, path, source)
        if kept is not None:
            return kept
    if cache and _writable(store.parent):
        _make_store(store, path, parts, source, request)
        return _opened(store, path)
    temporary = _temporary_folder()
    _make_store(temporary / "store", path, parts, source, request)
    ratings = _opened(temporary / "store", path)
    if cache:
        ratings.notes += (
            f"the cache folder {store.parent} cannot be written: this file will be read again "
            "next time (FASTMF_CACHE_DIR names another folder)",
        )
    return ratings


def _temporary_folder() -> Path:
    """Make a folder that goes with this process, or with the next one that makes such a folder."""
    parent = Path(tempfile.gettempdir())
    with writing_errors(parent, "name another folder by TMPDIR"):
        folder, remove = held_folder(parent / "fastmf")
    atexit.register(remove)
    return folder


def _open_current(store: Path, path: Path, source: dict[str, Any]) -> Ratings | None:
    """Open a store if it is there, made from this version of the source, and sound."""
    if not is_current(store, source):
        return None
    try:
        return _opened(store, path)
    except DataError:
        # Damaged since, or just replaced by another process.
        return None


def _opened(store: Path, path: Path) -> Ratings:
    ratings = open_store(store)
    ratings.source = str(path)
    return ratings


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _make_store(
    store: Path, path: Path, parts: list[Path], source: dict[str, Any], request: _Request
) -> None:
    """Read a source into a store; another process may do the same at the same time."""

    def still_wanted(existing: Path) -> bool:
        return _open_current(existing, path, source) is None

    with _store_errors(store), new_folder(store, replace=still_wanted, synced=False) as folder:
        _fill_store(folder, path, parts, source, request)
        if describe_source(path, parts, request.key())["files"] != source["files"]:
            raise DataError(f"{path}: changed while it was being read; read it again")


def _store_errors(store: Path) -> AbstractContextManager[None]:
    cached = store.parent == store_cache_folder()
    variable = "FASTMF_CACHE_DIR" if cached else "TMPDIR"
    return writing_errors(store, f"name another folder by {variable}")


def _fill_store(
    folder: Path, path: Path, parts: list[Path], source: dict[str, Any], request: _Request
) -> None:
    options = request.options
    notes: list[str] = []
    while True:
        try:
            opened = list(_open_parts(parts, options))
            opened[0].notes += notes
            _fill_from(opened, folder, path, source, request)
            return
        except TextIdsError as error:
            # At most once a role: ids that looked like integers are text after all.
            notes += [] if error.note is None else [error.note]
            options = replace(options, text_ids=options.text_ids | {error.role})


def _fill_from(
    parts: list[Part], folder: Path, path: Path, source: dict[str, Any], request: _Request
) -> None:
    sink = _make_sink(folder, [part.extent for part in parts])
    try:
        encoded = encode_parts(
            parts,
            sink,
            time_required=request.time_required,
            progress=request.progress,
            num_threads=request.num_threads,
        )
        columns, rating_range, notes = finish_table(
            encoded,
            sink,
            duplicates=request.duplicates,
            name=str(path),
            num_threads=request.num_threads,
        )
        # A store of the cache can be made again, and opening it shows what a crash took.
        write_store_files(
            folder,
            Ratings(columns, encoded.users, encoded.items, rating_range, notes=notes),
            columns_in=sink.file_of(columns),
            source=source,
            synced=False,
            num_threads=request.num_threads,
        )
    finally:
        sink.discard()


def _make_sink(folder: Path, extents: list[Extent | None]) -> FileSink | GrowingSink:
    """Make the sink that spares copying the columns, where it is known how many rows will come."""
    known = [extent for extent in extents if extent is not None]
    n_rows = sum(extent.n_rows for extent in known)
    if len(known) == len(extents) and n_rows > 0:
        # No room: what a damaged file promises may be far more than it holds.
        with contextlib.suppress(OSError):
            return FileSink(folder, n_rows, has_time=all(extent.has_time for extent in known))
    return GrowingSink(folder)


def _open_parts(parts: list[Path], options: ReadOptions) -> Iterator[Part]:
    for path in parts:
        try:
            yield open_part(path, options)
        except (FastMFError, TextIdsError):
            raise
        except Exception as error:
            raise unreadable(str(path), error) from error


def _check_trainable(ratings: Ratings) -> None:
    """Refuse ratings of a single user or a single item: there is nothing to factorize."""
    where = f"{ratings.source}: " if ratings.source else ""
    for role, vocabulary in (("user", ratings.users), ("item", ratings.items)):
        if len(vocabulary) == 1:
            only = vocabulary.take([0])[0]
            raise DataError(
                f"{where}all {len(ratings):,} ratings are of one {role} ({only}): nothing to "
                f"factorize; is the {role} column the right one (--{role}-column)?"
            )

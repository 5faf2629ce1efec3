"""The store of a file or folder of ratings: found again in the cache, or made now."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastmf.data.cache import cached_store, describe_source, is_current, store_cache_folder
from fastmf.data.filters import Duplicates
from fastmf.data.folders import held_folder, new_folder
from fastmf.data.ingest import Progress, encode_parts, finish_table
from fastmf.data.ratings import Ratings
from fastmf.data.readers import find_parts, open_part, together
from fastmf.data.readers.part import Extent, Part, ReadOptions, TextIdsError, unreadable
from fastmf.data.sinks import FileSink, GrowingSink
from fastmf.data.store import open_store
from fastmf.data.store_writer import write_store_files, writing_errors
from fastmf.errors import DataError, FastMFError

__all__ = ["ReadRequest", "open_source"]


@dataclass(frozen=True)
class ReadRequest:
    """What `read_ratings` was asked for.

    Attributes
    ----------
    options : ReadOptions
        Columns, and what becomes of rows that are no ratings.
    duplicates : {"last", "mean", "sum", "error"}
    progress : callable or None
        Called with the rows read since the last call.
    num_threads : int or None
        Default all processors.
    """

    options: ReadOptions
    duplicates: Duplicates
    progress: Progress | None
    num_threads: int | None

    @property
    def time_required(self) -> bool:
        """Whether times that cannot be read are an error: a column of them was named."""
        return self.options.names.time is not None

    def key(self) -> dict[str, Any]:
        """Return what makes one store of a source differ from another."""
        return {
            **self.options.names._asdict(),
            "on_bad_rows": self.options.on_bad_rows,
            "unrated": self.options.unrated,
            "duplicates": self.duplicates,
        }


def open_source(path: Path, request: ReadRequest, *, cache: bool) -> Ratings:
    """Open the store of a file or folder, made now where there is none that is current.

    Parameters
    ----------
    path : pathlib.Path
        The source.
    request : ReadRequest
        How to read it.
    cache : bool
        Whether to keep the store; otherwise it goes with the ratings, or the process.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        When the source cannot be read or holds anything unusable, or the store cannot be written.
    """
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
    temporary, remove = _temporary_folder()
    try:
        _make_store(temporary / "store", path, parts, source, request)
        ratings = _opened(temporary / "store", path)
    except BaseException:
        remove()
        raise
    # Selections of the ratings look into the same map.
    weakref.finalize(ratings.mapped, remove)
    if cache:
        ratings.notes += (
            f"the cache folder {store.parent} cannot be written: this file will be read again "
            "next time (FASTMF_CACHE_DIR names another folder)",
        )
    return ratings


def _temporary_folder() -> tuple[Path, Callable[[], None]]:
    """Make a folder, and what removes it; the next call removes those of processes that died."""
    parent = Path(tempfile.gettempdir())
    with writing_errors(parent, "name another folder by TMPDIR"):
        return held_folder(parent / "fastmf")


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
    store: Path, path: Path, parts: list[Path], source: dict[str, Any], request: ReadRequest
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
    folder: Path, path: Path, parts: list[Path], source: dict[str, Any], request: ReadRequest
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
    parts: list[Part], folder: Path, path: Path, source: dict[str, Any], request: ReadRequest
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
        return FileSink(folder, n_rows, has_time=all(extent.has_time for extent in known))
    return GrowingSink(folder)


def _open_parts(parts: list[Path], options: ReadOptions) -> Iterator[Part]:
    for path, *more in together(parts):
        try:
            yield open_part(path, options, more)
        except (FastMFError, TextIdsError):
            raise
        except Exception as error:
            raise unreadable(str(path), error) from error

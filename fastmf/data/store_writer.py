"""Writing a store: its columns, its vocabularies, and last the header that vouches for them."""

from __future__ import annotations

import errno
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from fastmf._version import __version__
from fastmf.data.column_file import write_record_batch
from fastmf.data.fingerprint import fingerprint
from fastmf.data.ratings import Ratings
from fastmf.data.sinks import FileSink
from fastmf.data.store_header import (
    FILES,
    HEADER,
    ITEMS,
    RATINGS,
    STORE_FORMAT,
    STORE_VERSION,
    USERS,
    header_checksum,
)
from fastmf.data.stored_columns import StoredColumns
from fastmf.errors import DataError
from fastmf.parallel import Team

__all__ = ["write_store_files", "writing_errors"]

# A multiple of the size of a page.
_COPIED_BYTES = 1 << 24


@contextmanager
def writing_errors(path: Path, remedy: str = "choose another disk") -> Iterator[None]:
    """Turn the system's errors in writing to a folder into one clear line.

    Parameters
    ----------
    path : pathlib.Path
        What is being written, for the message.
    remedy : str, optional
        What to do when the disk is full, other than making room.

    Raises
    ------
    DataError
        On any OSError in the body.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(
                f"{path}: the disk is full; free some space there, or {remedy}"
            ) from error
        reason = error.strerror or str(error)
        raise DataError(f"{path}: cannot be written: {reason}") from error


def write_store_files(
    folder: Path,
    ratings: Ratings,
    *,
    columns_in: Path | None = None,
    source: Mapping[str, Any] | None = None,
    synced: bool = True,
    num_threads: int | None = None,
) -> None:
    """Write the files of a store into an existing folder.

    Parameters
    ----------
    folder : pathlib.Path
        An empty folder, or one with other temporary files.
    ratings : Ratings
        What to write; memory maps are copied without loading them whole.
    columns_in : pathlib.Path, optional
        A file of a sink in this folder that holds exactly the columns of `ratings`: it is moved
        instead of copied.
    source : mapping, optional
        Where the ratings come from: anything JSON can hold.
    synced : bool, optional
        Whether to wait until everything has reached the disk.
    num_threads : int, optional
        Threads to copy with.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    columns = ratings.stored
    if columns_in is not None:
        columns_in.replace(folder / RATINGS)
    elif ratings.mapped is not None and len(ratings) == ratings.n_rows:
        _copy_file(ratings.mapped, folder / RATINGS, num_threads)
    else:
        columns = _copy_columns(ratings, folder, num_threads)
    for name, vocabulary in ((USERS, ratings.users), (ITEMS, ratings.items)):
        with (folder / name).open("wb") as file:
            write_record_batch(file, pa.RecordBatch.from_arrays([vocabulary.ids], names=["id"]))
    header = {
        "format": STORE_FORMAT,
        "version": STORE_VERSION,
        "written_by": f"fastmf {__version__}",
        "n_ratings": len(ratings),
        "n_users": ratings.n_users,
        "n_items": ratings.n_items,
        "rating_range": list(ratings.rating_range),
        "has_time": ratings.has_time,
        "levels": columns.levels[: columns.n_levels].tolist(),
        "notes": list(ratings.notes),
        "source": source,
        "synced": synced,
        "files": {
            name: {
                "size": (folder / name).stat().st_size,
                "fingerprint": fingerprint(folder / name),
            }
            for name in FILES
        },
    }
    header["checksum"] = header_checksum(header)
    (folder / HEADER).write_bytes(json.dumps(header, indent=1).encode())
    if synced:
        for name in (*FILES, HEADER):
            with (folder / name).open("rb+") as file:
                os.fsync(file.fileno())


def _copy_columns(ratings: Ratings, folder: Path, num_threads: int | None) -> StoredColumns:
    """Write the selected rows to a new file, each column as narrow as they allow."""
    sink = FileSink(folder, len(ratings), has_time=ratings.has_time)
    try:
        for rows in ratings.ranges():
            sink.take(*ratings.chunk(*rows), ratings.times(*rows))
            ratings.release()
        columns = sink.finish(has_time=ratings.has_time, num_threads=num_threads)
        written = sink.file_of(columns)
        assert written is not None
        written.replace(folder / RATINGS)
    finally:
        sink.discard()
    return columns


def _copy_file(mapped: mmap.mmap, path: Path, num_threads: int | None) -> None:
    """Write the file that the columns are mapped from once more."""
    path.touch()

    def copy(first: int) -> None:
        with memoryview(mapped) as source, path.open("r+b") as file:
            file.seek(first)
            file.write(source[first : first + _COPIED_BYTES])
        if hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED, first, min(_COPIED_BYTES, len(mapped) - first))

    with Team(num_threads) as team:
        for _ in team.map(copy, range(0, len(mapped), _COPIED_BYTES)):
            pass

"""The Parquet file of generated ratings: its columns, and writing it while rows are drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fastmf.errors import DataError

__all__ = ["Rows", "ratings_schema", "ratings_writer", "write_groups", "written_beside"]


class Rows(NamedTuple):
    """A stretch of a table, and its sums: of ratings, of their squares, of the floor's errors."""

    batch: pa.RecordBatch
    sums: NDArray[np.float64]


def ratings_schema(real_valued: bool) -> pa.Schema:
    """Return the columns of the file; whole ratings take one byte."""
    columns = {
        "user_id": pa.int32(),
        "item_id": pa.int32(),
        "rating": pa.float32() if real_valued else pa.int8(),
        "date": pa.date32(),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def ratings_writer(path: Path, real_valued: bool) -> pq.ParquetWriter:
    """Open a Parquet file for row groups of ratings.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    real_valued : bool
        Whether ratings are float32 rather than int8.

    Returns
    -------
    pyarrow.parquet.ParquetWriter
    """
    narrow = ["item_id", "date"] if real_valued else ["item_id", "rating", "date"]
    # No dictionary for the users: hundreds of thousands overflow it after being hashed for nothing.
    return pq.ParquetWriter(
        path,
        ratings_schema(real_valued),
        compression="zstd",
        compression_level=1,
        use_dictionary=narrow,
    )


def write_groups(
    write_batch: Callable[[pa.RecordBatch], object],
    groups: Iterable[list[Rows]],
    progress: Callable[[int], object] | None,
) -> tuple[float, float, float]:
    """Write row groups while the next ones are drawn.

    One thread writes; waiting for it before it is handed more is what bounds the memory.

    Parameters
    ----------
    write_batch : callable
        Writes the rows of one.
    groups : iterable of lists of Rows
        Row groups in order, a few at a time.
    progress : callable, optional
        Called with the number of rows written since the last call.

    Returns
    -------
    tuple of three floats
        The sums of all `Rows`.
    """

    def write(drawn: list[Rows]) -> None:
        for rows in drawn:
            write_batch(rows.batch)
            if progress is not None:
                progress(rows.batch.num_rows)

    sums = np.zeros(3)
    with ThreadPoolExecutor(1, thread_name_prefix="fastmf-write") as background:
        writing = background.submit(write, [])
        for drawn in groups:
            for rows in drawn:
                sums += rows.sums
            writing.result()
            writing = background.submit(write, drawn)
        writing.result()
    total, squares, errors = sums.tolist()
    return total, squares, errors


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Give a name beside `path`: renamed to it on success, removed on any failure.

    Raises
    ------
    DataError
        If the system refuses: no such folder, no permission, disk full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_dir():
            raise DataError(f"cannot write {path}: it is a folder; give the name of a file")
        yield beside
        beside.replace(path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise DataError(f"cannot write {path}: {reason}") from error
    finally:
        beside.unlink(missing_ok=True)

"""The ratings store: a folder that is written once and opened by memory map.

The layout is described in docs/FORMAT.md.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import frozen
from fastmf.data.arrow_views import as_numpy
from fastmf.data.column_file import map_record_batch
from fastmf.data.fingerprint import fingerprint, never_reached_disk
from fastmf.data.folders import new_folder
from fastmf.data.ratings import Ratings
from fastmf.data.store_header import (
    FILES,
    HEADER,
    ITEMS,
    RATINGS,
    REMAKE,
    USERS,
    is_store,
    read_header,
)
from fastmf.data.store_writer import write_store_files, writing_errors
from fastmf.data.stored_columns import KINDS, MOST_LEVELS, StoredColumns
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import DataError

__all__ = ["is_store", "open_store", "verify_store", "write_store"]


def open_store(folder: str | Path) -> Ratings:
    """Open a store by memory map, in milliseconds.

    Parameters
    ----------
    folder : str or pathlib.Path
        The store.

    Returns
    -------
    Ratings
        Its columns are read-only views of the mapped file.

    Raises
    ------
    DataError
        When the store is missing, truncated, altered, or of another version.
    """
    folder = Path(folder)
    header = read_header(folder)
    try:
        _check_files(folder, header)
        columns, mapped = _open_columns(folder / RATINGS, header)
        users = Vocabulary(_open_ids(folder / USERS))
        items = Vocabulary(_open_ids(folder / ITEMS))
        low, high = (float(limit) for limit in header["rating_range"])
        ratings = Ratings(
            columns,
            users,
            items,
            (low, high),
            notes=tuple(header["notes"]),
            source=header["source"]["path"] if header["source"] else str(folder),
            mapped=mapped,
        )
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder}: this store is damaged; {REMAKE}") from error
    counts = (len(ratings), len(users), len(items))
    if counts != (header["n_ratings"], header["n_users"], header["n_items"]):
        raise DataError(f"{folder}: its counts do not match {HEADER}; {REMAKE}")
    return ratings


def _check_files(folder: Path, header: Mapping[str, Any]) -> None:
    for name in FILES:
        path, expected = folder / name, header["files"][name]
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise DataError(f"{folder}: {name} is missing; {REMAKE}")
        if size != expected["size"]:
            raise DataError(
                f"{folder}: {name} has {size:,} bytes instead of {expected['size']:,}; {REMAKE}"
            )
        if fingerprint(path) != expected["fingerprint"]:
            raise DataError(f"{folder}: {name} was altered; {REMAKE}")
        if not header["synced"] and never_reached_disk(path):
            raise DataError(
                f"{folder}: {name} was not yet on the disk when the machine stopped; {REMAKE}"
            )


def _open_columns(path: Path, header: Mapping[str, Any]) -> tuple[StoredColumns, mmap.mmap]:
    batch, mapped = map_record_batch(path)
    columns = {name: as_numpy(batch.column(name)) for name in batch.schema.names}
    for name, column in columns.items():
        if column.dtype not in KINDS[name]:
            raise ValueError(f"column {name} of type {column.dtype}")
    levels = np.zeros(MOST_LEVELS, np.float32)
    levels[: len(header["levels"])] = header["levels"]
    return StoredColumns(
        columns["user_index"],
        columns["item_index"],
        columns["value"],
        frozen(levels),
        len(header["levels"]) if columns["value"].dtype == np.uint8 else 0,
        columns.get("time"),
    ), mapped


def _open_ids(path: Path) -> pa.Array:
    ids = map_record_batch(path).batch.column("id")
    if ids.type not in (pa.int64(), pa.large_string()):
        raise ValueError(f"ids of type {ids.type}")
    # Lengths and the ends of the offsets; the fingerprint has vouched for the rest.
    ids.validate()
    return ids


def verify_store(folder: str | Path) -> None:
    """Read a whole store and check every value: slower than opening it, about a second a GB.

    Parameters
    ----------
    folder : str or pathlib.Path
        The store.

    Raises
    ------
    DataError
        When anything is out of range.
    """
    ratings = open_store(folder)
    low, high = ratings.rating_range
    for ids in (ratings.users.ids, ratings.items.ids):
        try:
            ids.validate(full=True)
            Vocabulary.from_ids(ids)
        except (pa.ArrowInvalid, DataError) as error:
            raise DataError(f"{folder}: its ids are damaged; {REMAKE}") from error
    columns = ratings.stored
    for start, stop in ratings.ranges():
        users, items, values = ratings.chunk(start, stop)
        sound = (
            (columns.n_levels == 0 or columns.value[start:stop].max() < columns.n_levels)
            and users.min() >= 0
            and users.max() < ratings.n_users
            and items.min() >= 0
            and items.max() < ratings.n_items
            and low <= values.min()
            and values.max() <= high
        )
        if not sound:
            raise DataError(f"{folder}: its ratings are damaged; {REMAKE}")


def write_store(ratings: Ratings, path: str | Path) -> None:
    """Write ratings as a store, whole or not at all.

    Parameters
    ----------
    ratings : Ratings
        What to write; of a selection the selected rows, with the whole vocabularies.
    path : str or pathlib.Path
        Folder to make; an existing store is replaced, anything else is not.

    Raises
    ------
    DataError
        When the path is taken by something else or cannot be written.
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and not is_store(path) and any(path.iterdir())):
        raise DataError(f"{path}: exists and is not a ratings store; choose another name")
    with writing_errors(path), new_folder(path) as folder:
        source = {"path": ratings.source} if ratings.source else None
        write_store_files(folder, ratings, source=source)

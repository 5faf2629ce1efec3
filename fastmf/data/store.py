"""The ratings store: a folder that is written once and opened by memory map.

The layout is described in docs/FORMAT.md.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from fastmf._version import __version__
from fastmf.data.arrays import Array, Columns
from fastmf.data.fingerprint import fingerprint
from fastmf.data.folders import new_folder
from fastmf.data.ratings import Ratings
from fastmf.data.scratch import COLUMN_TYPES, ReleasingFile
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import DataError

__all__ = [
    "STORE_VERSION",
    "is_store",
    "open_store",
    "read_header",
    "verify_store",
    "write_store",
    "write_store_files",
    "writing_errors",
]

STORE_FORMAT = "fastmf ratings store"
STORE_VERSION = 1
HEADER = "store.json"
_RATINGS = "ratings.arrow"
_USERS = "users.arrow"
_ITEMS = "items.arrow"
_FILES = (_RATINGS, _USERS, _ITEMS)


@contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors in writing to a folder into one clear line.

    Parameters
    ----------
    path : pathlib.Path
        What is being written, for the message.

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
                f"{path}: the disk is full; free some space there, or choose another disk "
                "(FASTMF_CACHE_DIR for the cache)"
            ) from error
        reason = error.strerror or str(error)
        raise DataError(f"{path}: cannot be written: {reason}") from error


def write_store_files(
    folder: Path,
    columns: Columns,
    users: Vocabulary,
    items: Vocabulary,
    rating_range: tuple[float, float],
    *,
    notes: tuple[str, ...] = (),
    source: Mapping[str, Any] | None = None,
) -> None:
    """Write the files of a store into an existing folder and bring them to disk.

    Parameters
    ----------
    folder : pathlib.Path
        An empty folder, or one with other temporary files.
    columns : Columns
        The dense columns; memory maps are copied without loading them whole.
    users, items : Vocabulary
        The raw ids.
    rating_range : tuple of float
        Least and greatest rating.
    notes : tuple of str, optional
        What reading had to say.
    source : mapping, optional
        Where the ratings come from: anything JSON can hold.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    present = {name: column for name, column in columns._asdict().items() if column is not None}
    batch = pa.record_batch(
        [_arrow_view(column, COLUMN_TYPES[name]) for name, column in present.items()],
        names=list(present),
    )
    with (folder / _RATINGS).open("wb") as file:
        _write_batch(ReleasingFile(file, tuple(present.values())), batch)
        _sync(file)
    for name, vocabulary in ((_USERS, users), (_ITEMS, items)):
        with (folder / name).open("wb") as file:
            _write_batch(file, pa.record_batch([vocabulary.ids], names=["id"]))
            _sync(file)
    header = {
        "format": STORE_FORMAT,
        "version": STORE_VERSION,
        "written_by": f"fastmf {__version__}",
        "n_ratings": len(columns.value),
        "n_users": len(users),
        "n_items": len(items),
        "rating_range": list(rating_range),
        "has_time": columns.time is not None,
        "notes": list(notes),
        "source": source,
        "files": {
            name: {
                "size": (folder / name).stat().st_size,
                "fingerprint": fingerprint(folder / name),
            }
            for name in _FILES
        },
    }
    header["checksum"] = _checksum(header)
    with (folder / HEADER).open("wb") as file:
        file.write(json.dumps(header, indent=1).encode())
        _sync(file)


def _arrow_view(column: Array, kind: pa.DataType) -> pa.Array:
    """View an array as an Arrow column; nothing is copied."""
    contiguous = np.ascontiguousarray(column)
    return pa.Array.from_buffers(kind, len(contiguous), [None, pa.py_buffer(contiguous)])


def _write_batch(file: Any, batch: pa.RecordBatch) -> None:
    with pa.ipc.new_file(pa.PythonFile(file, "w"), batch.schema) as writer:
        writer.write_batch(batch)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _checksum(header: Mapping[str, Any]) -> str:
    """Hash a header without its own checksum."""
    rest = {key: value for key, value in header.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


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
    columns = Columns(ratings.user_index, ratings.item_index, ratings.value, ratings.time)
    with writing_errors(path), new_folder(path) as folder:
        write_store_files(
            folder,
            columns,
            ratings.users,
            ratings.items,
            ratings.rating_range,
            notes=ratings.notes,
            source={"path": ratings.source} if ratings.source else None,
        )


def is_store(path: Path) -> bool:
    """Whether a path is a folder that claims to be a ratings store.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    bool
    """
    return (path / HEADER).is_file()


def read_header(folder: Path) -> dict[str, Any]:
    """Read and check the header of a store.

    Parameters
    ----------
    folder : pathlib.Path
        The store.

    Returns
    -------
    dict
        As docs/FORMAT.md describes it.

    Raises
    ------
    DataError
        When it is missing, altered, or of a newer version.
    """
    try:
        header = json.loads((folder / HEADER).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder}: not a ratings store: {HEADER} cannot be read") from error
    if not isinstance(header, dict) or header.get("format") != STORE_FORMAT:
        raise DataError(f"{folder}: not a ratings store")
    version = header.get("version")
    if not isinstance(version, int) or version < 1:
        raise DataError(f"{folder}: {HEADER} names no version; {_REMAKE}")
    if version > STORE_VERSION:
        raise DataError(
            f"{folder}: written by a newer fastmf (store version {version}, this one reads up to "
            f"{STORE_VERSION}); upgrade fastmf, or read the source again"
        )
    if header.get("checksum") != _checksum(header):
        raise DataError(f"{folder}: {HEADER} was altered; {_REMAKE}")
    return header


_REMAKE = "delete the store and read its source again"


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
        When the store is missing, truncated, altered, or of a newer version.
    """
    folder = Path(folder)
    header = read_header(folder)
    try:
        _check_files(folder, header)
        batch = _open_batch(folder / _RATINGS)
        users = Vocabulary(_open_ids(folder / _USERS))
        items = Vocabulary(_open_ids(folder / _ITEMS))
        low, high = (float(limit) for limit in header["rating_range"])
        columns = {
            name: batch.column(name).to_numpy(zero_copy_only=True) for name in batch.schema.names
        }
        ratings = Ratings(
            Columns(
                columns["user_index"], columns["item_index"], columns["value"], columns.get("time")
            ),
            users,
            items,
            (low, high),
            notes=tuple(header["notes"]),
            source=header["source"]["path"] if header["source"] else str(folder),
        )
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder}: this store is damaged; {_REMAKE}") from error
    counts = (len(ratings), len(users), len(items))
    if counts != (header["n_ratings"], header["n_users"], header["n_items"]):
        raise DataError(f"{folder}: its counts do not match {HEADER}; {_REMAKE}")
    return ratings


def _check_files(folder: Path, header: Mapping[str, Any]) -> None:
    for name in _FILES:
        path, expected = folder / name, header["files"][name]
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise DataError(f"{folder}: {name} is missing; {_REMAKE}")
        if size != expected["size"]:
            raise DataError(
                f"{folder}: {name} has {size:,} bytes instead of {expected['size']:,}; {_REMAKE}"
            )
        if fingerprint(path) != expected["fingerprint"]:
            raise DataError(f"{folder}: {name} was altered; {_REMAKE}")


def _open_batch(path: Path) -> pa.RecordBatch:
    """Map the one record batch of an IPC file."""
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    if reader.num_record_batches != 1:
        raise ValueError(f"{reader.num_record_batches} record batches")
    batch = reader.get_batch(0)
    for name, kind in zip(batch.schema.names, batch.schema.types, strict=True):
        if kind != COLUMN_TYPES.get(name, kind) or batch.column(name).null_count:
            raise ValueError(f"column {name}")
    return batch


def _open_ids(path: Path) -> pa.Array:
    ids = _open_batch(path).column("id")
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
            raise DataError(f"{folder}: its ids are damaged; {_REMAKE}") from error
    for users, items, values in ratings.chunks():
        sound = (
            users.min() >= 0
            and users.max() < ratings.n_users
            and items.min() >= 0
            and items.max() < ratings.n_items
            and low <= values.min()
            and values.max() <= high
        )
        if not sound:
            raise DataError(f"{folder}: its ratings are damaged; {_REMAKE}")

"""A fitted model on disk: a folder of JSON, safetensors and Arrow files.

The folder is described byte by byte in docs/FORMAT.md. Nothing in it is executed: arrays are
memory-mapped, everything else is parsed, and every file is checked against the byte size and the
checksum in model.json before it is used.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError

from fastmf._version import __version__
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import ModelFileError
from fastmf.model_file.folder import replace_folder
from fastmf.model_file.header import (
    ARRAYS,
    FILES,
    FORMAT,
    HEADER,
    ITEMS,
    USERS,
    VERSION,
    header_text,
    read_header,
)
from fastmf.model_file.parts import check_array, map_arrays, read_ids, write_arrays, write_ids
from fastmf.model_file.target import check_replaceable

__all__ = ["ModelFile", "load_model_file", "save_model"]

# Times that a model may be replaced while it is read.
_ATTEMPTS = 5


class ModelFile(NamedTuple):
    """What a model folder holds."""

    kind: str
    hyperparameters: dict[str, Any]
    arrays: dict[str, NDArray[Any]]  # read-only, memory-mapped
    users: Vocabulary
    items: Vocabulary
    record: dict[str, Any]


def save_model(
    folder: str | os.PathLike[str],
    *,
    kind: str,
    hyperparameters: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
    users: Vocabulary,
    items: Vocabulary,
    record: dict[str, Any],
) -> None:
    """Write a model folder, whole or not at all.

    Everything is written to a folder beside the target, flushed to disk, and renamed. A model
    that was in the target's place is only removed once the new one has its name.

    Parameters
    ----------
    folder : path
        The folder to make; missing parents are made too. May be a saved model, which is
        replaced, or an empty folder.
    kind : str
        Name of the model class in the registry.
    hyperparameters, record : dict
        Anything JSON can hold (NumPy scalars included): numbers, text, lists, dicts, None.
    arrays : dict of str to ndarray
        float32, float64, int32, int64 or uint8. A name that begins with ``user_`` or ``item_``
        promises one row for each user or item.
    users, items : Vocabulary
        The raw ids behind the rows.

    Raises
    ------
    ModelFileError
        If an array holds NaN or infinity or has the wrong number of rows or type, if a value
        does not fit into JSON or all of them take more than 64 MiB, if the target is something
        other than a model, or if writing fails (disk full, no permission). Then nothing is left
        behind and an old model stays.
    """
    for name, array in arrays.items():
        check_array(name, array)
    _check_rows(arrays, users, items, "cannot save the model: ")
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "written_by": f"fastmf {__version__}",
        "kind": kind,
        "hyperparameters": hyperparameters,
        "record": record,
    }
    header_text(header)  # before anything is written

    def write(target: Path) -> None:
        write_arrays(target / ARRAYS, arrays)
        for name, vocabulary in ((USERS, users), (ITEMS, items)):
            write_ids(target / name, vocabulary)
        files = {name: _measure(target / name) for name in FILES}
        (target / HEADER).write_text(header_text(header | {"files": files}), encoding="utf-8")

    target = Path(folder)
    try:
        check_replaceable(target)
        replace_folder(target, write)
    except (OSError, SafetensorError, pa.ArrowException) as error:
        known = isinstance(error, OSError) and error.strerror
        reason = known or " ".join(str(error).split())
        raise ModelFileError(
            f"cannot write the model to {target}: {reason}; nothing was left behind, choose "
            "another place or make room"
        ) from error


def load_model_file(folder: str | os.PathLike[str]) -> ModelFile:
    """Open a model folder by memory map, after checking every file in it.

    Parameters
    ----------
    folder : path
        What `save_model` wrote.

    Returns
    -------
    ModelFile
        Its arrays are read-only views of the mapped file, which stays mapped while they live.

    Raises
    ------
    ModelFileError
        If this is not a model folder, was written by a newer version, or if a file is missing,
        truncated, altered, does not fit the others or holds what training never writes.
    """
    path = Path(folder)
    for _ in range(_ATTEMPTS):
        before = _identity(path)
        try:
            found = _read(path)
        except ModelFileError:
            if _identity(path) == before:
                raise
        else:
            if _identity(path) == before:
                return found
    raise ModelFileError(f"{path} was replaced again and again while it was read; load it again")


def _identity(folder: Path) -> tuple[int, ...] | None:
    """Return what tells a model folder from another one that takes its name."""
    try:
        found = (folder / HEADER).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path) -> ModelFile:
    try:
        header = read_header(path)
        for name in FILES:
            _verify(path / name, header["files"][name])
        arrays = map_arrays(path / ARRAYS)
        users = read_ids(path / USERS)
        items = read_ids(path / ITEMS)
    except OSError as error:
        raise ModelFileError(f"cannot read the model {path}: {error.strerror or error}") from error
    _check_rows(arrays, users, items, f"{path / ARRAYS}: ")
    return ModelFile(
        header["kind"], header["hyperparameters"], arrays, users, items, header["record"]
    )


def _check_rows(
    arrays: dict[str, NDArray[Any]], users: Vocabulary, items: Vocabulary, where: str
) -> None:
    """Refuse arrays named for users or items that do not have a row for each."""
    for name, array in arrays.items():
        for prefix, vocabulary in (("user", users), ("item", items)):
            rows = array.shape[0] if array.ndim else 0
            if name.startswith(f"{prefix}_") and rows != len(vocabulary):
                raise ModelFileError(
                    f"{where}{name} has {rows} rows for {len(vocabulary)} {prefix}s"
                )


def _measure(path: Path) -> dict[str, Any]:
    """Return the byte size and the checksum of a file."""
    size, checksum = 0, 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            checksum = zlib.crc32(block, checksum)
    return {"bytes": size, "crc32": f"{checksum:08x}"}


def _verify(path: Path, expected: dict[str, Any]) -> None:
    """Refuse a file that is not, byte for byte, what was saved."""
    if not path.is_file():
        raise ModelFileError(f"{path} is missing; the model is incomplete, copy it again whole")
    size = path.stat().st_size
    if size != expected["bytes"]:
        raise ModelFileError(
            f"{path} has {size} bytes instead of {expected['bytes']}; it is truncated or altered, "
            "copy the model again whole"
        )
    if _measure(path) != expected:
        raise ModelFileError(f"{path} is altered: its checksum differs; copy the model again whole")

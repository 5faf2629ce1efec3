"""The files of a model folder that hold arrays (safetensors) and raw ids (Arrow)."""

from __future__ import annotations

import json
import math
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors.numpy import save_file

from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import DataError, ModelFileError

__all__ = ["check_array", "map_arrays", "read_ids", "write_arrays", "write_ids"]

_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
}

# What reading a damaged header of a safetensors file can raise.
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def check_array(name: str, array: NDArray[Any]) -> None:
    """Refuse what must never be saved.

    Parameters
    ----------
    name : str
        The array, for the message.
    array : ndarray

    Raises
    ------
    ModelFileError
        On a type the format does not have, or numbers that are not finite.
    """
    if array.dtype.newbyteorder("<") not in _DTYPES.values():
        raise ModelFileError(f"cannot save the model: array {name} has type {array.dtype}")
    complaint = _not_finite(name, array)
    if complaint is not None:
        raise ModelFileError(
            f"cannot save the model: {complaint}; train again with a lower learning rate"
        )


def _not_finite(name: str, array: NDArray[Any]) -> str | None:
    """Say which number of an array is not finite; None where all are."""
    if array.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):  # twice as fast as looking at each, and takes no memory
            return None
    finite = np.isfinite(array)
    if finite.all():  # large numbers, of which only the sum is past the floats
        return None
    place = [int(position) for position in np.unravel_index(finite.argmin(), array.shape)]
    return f"{name}{place} is {array[tuple(place)]}, not a finite number"


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays as a safetensors file; nothing contiguous is copied.

    Parameters
    ----------
    path : pathlib.Path
    arrays : dict of str to ndarray
    """
    path.touch()
    mode = path.stat().st_mode
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, path)
    path.chmod(mode)  # save_file keeps everybody else from reading it


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Map a safetensors file and return read-only views of its arrays, all of finite numbers."""
    if path.stat().st_size < 8:
        raise ModelFileError(f"{path} is damaged: it is too short to hold arrays")
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        length = int.from_bytes(mapped[:8], "little")
        start = 8 + length
        if length > len(mapped) - 8:
            raise ValueError(f"a header of {length} bytes")
        entries = json.loads(mapped[8:start])
        entries.pop("__metadata__", None)
        spans = sorted(entry["data_offsets"] for entry in entries.values())
        edges = [0, *(edge for span in spans for edge in span), len(mapped) - start]
        if edges[::2] != edges[1::2]:
            raise ValueError("arrays that overlap or leave gaps")
        arrays = {name: _map_array(mapped, start, entry) for name, entry in entries.items()}
        for name, array in arrays.items():
            if complaint := _not_finite(name, array):
                raise ValueError(complaint)
        return arrays
    except _DAMAGE as error:
        raise ModelFileError(f"{path} is damaged: {error}") from error


def _map_array(mapped: mmap.mmap, start: int, entry: dict[str, Any]) -> NDArray[Any]:
    """Return a read-only view of one array of a mapped safetensors file."""
    dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
    first, stop = entry["data_offsets"]
    if any(type(number) is not int or number < 0 for number in (*shape, first, stop)):
        raise ValueError("a shape or an offset that is not a count")
    if stop - first != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{stop - first} bytes for an array of shape {shape}")
    if (start + first) % dtype.itemsize:
        raise ValueError("an array that is not aligned")
    return np.ndarray(shape, dtype, buffer=mapped, offset=start + first)


def write_ids(path: Path, vocabulary: Vocabulary) -> None:
    """Write a vocabulary as an Arrow IPC file of one column and one record batch.

    Parameters
    ----------
    path : pathlib.Path
    vocabulary : Vocabulary
    """
    batch = pa.record_batch([vocabulary.ids], names=["id"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def read_ids(path: Path) -> Vocabulary:
    """Map a vocabulary."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        table.validate(full=True)
        if table.column_names != ["id"]:
            raise ValueError(f"its columns are {table.column_names}")
        if table.schema.types[0] not in (pa.int64(), pa.large_string()):
            raise ValueError(f"its ids are of type {table.schema.types[0]}")
        return Vocabulary.from_ids(table.column(0).combine_chunks())
    except (DataError, ValueError, pa.ArrowException) as error:
        raise ModelFileError(f"{path} is damaged: {' '.join(str(error).split())}") from error

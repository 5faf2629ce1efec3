"""NumPy's view of Arrow columns, and the reverse.

Arrow's own conversions import pandas on their first use, which takes longer than opening a store.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array, frozen

__all__ = ["ARROW_TYPES", "as_arrow", "as_numpy"]

ARROW_TYPES: dict[np.dtype[Any], pa.DataType] = {
    np.dtype(np.int8): pa.int8(),
    np.dtype(np.int16): pa.int16(),
    np.dtype(np.int32): pa.int32(),
    np.dtype(np.int64): pa.int64(),
    np.dtype(np.uint8): pa.uint8(),
    np.dtype(np.uint16): pa.uint16(),
    np.dtype(np.uint32): pa.uint32(),
    np.dtype(np.uint64): pa.uint64(),
    np.dtype(np.float32): pa.float32(),
    np.dtype(np.float64): pa.float64(),
}
"""The Arrow type of every NumPy type that can be viewed without a copy."""

_NUMPY_TYPES = {arrow: numpy for numpy, arrow in ARROW_TYPES.items()}


def as_numpy(column: pa.Array) -> Array:
    """View a column of numbers.

    Parameters
    ----------
    column : pyarrow.Array
        (n,) integers, or floating-point numbers of 32 or 64 bits; what nulls hold is of no meaning.

    Returns
    -------
    (n,) ndarray
        Read-only, nothing copied.
    """
    dtype = _NUMPY_TYPES[column.type]
    data = column.buffers()[1]
    if data is None or len(column) == 0:
        return frozen(np.empty(0, dtype))
    return frozen(np.frombuffer(data, dtype, len(column), column.offset * dtype.itemsize))


def as_arrow(numbers: Array) -> pa.Array:
    """View an array of numbers as an Arrow column without nulls.

    Parameters
    ----------
    numbers : ndarray
        (n,) of a type in `ARROW_TYPES`.

    Returns
    -------
    (n,) pyarrow.Array
        Nothing copied, where the array is contiguous.
    """
    data = pa.py_buffer(np.ascontiguousarray(numbers))
    return pa.Array.from_buffers(ARROW_TYPES[numbers.dtype], len(numbers), [None, data])

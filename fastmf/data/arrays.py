"""The columns of a table of ratings, as the modules of this room pass them on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Columns", "frozen"]

Array = npt.NDArray[Any]


class Columns(NamedTuple):
    """The columns of n ratings, in memory or memory-mapped."""

    user_index: Array  # (n,) int32
    item_index: Array  # (n,) int32
    value: Array  # (n,) float32
    time: Array | None  # (n,) int64, seconds since 1970, or None


def frozen(array: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> Array:
    """Return a read-only contiguous view of an array, a plain ndarray.

    A kernel compiles once for read-only and once more for writable arrays: inputs always pass
    through here, so that one version exists.

    Parameters
    ----------
    array : array_like
        What to view; copied only where its dtype or layout must change.
    dtype : dtype, optional
        Wanted dtype; default its own.

    Returns
    -------
    ndarray
        Read-only, C-contiguous.
    """
    view = np.ascontiguousarray(array, dtype=dtype).view(np.ndarray)[...]
    view.flags.writeable = False
    return view

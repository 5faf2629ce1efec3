"""The raw ids that a caller asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.errors import DataError

__all__ = ["asked_ids"]

_INT64 = np.iinfo(np.int64)


def asked_ids(ids: Any, role: str) -> NDArray[Any]:
    """Return the ids that a caller gave as an array that vocabularies can look up.

    Parameters
    ----------
    ids : array_like
        One id, or (m,) of them.
    role : str
        What they are, for the message: ``"user"`` or ``"item"``.

    Returns
    -------
    (m,) ndarray
        Integers too large for int64 have become their digits, which no vocabulary of integers
        knows.

    Raises
    ------
    DataError
        If the ids have rows and columns, no order, or no single shape.
    """
    if isinstance(ids, Set | Mapping):
        raise DataError(f"{role} ids are a {type(ids).__name__}; give a list or an array")
    try:
        array = np.asarray(ids)
    except ValueError:
        raise DataError(f"{role} ids are lists of several lengths; give one id a place") from None
    if array.ndim > 1:
        raise DataError(f"{role} ids have shape {array.shape}; give one id or a flat list of them")
    only = array.item() if array.ndim == 0 else None
    if isinstance(only, Iterable) and not isinstance(only, str | bytes):
        raise DataError(f"{role} id is a {type(ids).__name__}; give one id or a flat list of them")
    array = np.atleast_1d(array)
    if array.dtype == object:
        array = _with_large_as_text(array)
    return array


def _with_large_as_text(ids: NDArray[Any]) -> NDArray[Any]:
    large = [isinstance(i, int) and not _INT64.min <= i <= _INT64.max for i in ids.tolist()]
    if not any(large):
        return ids
    texts = ids.copy()
    texts[large] = [str(i) for i in ids[large]]
    return texts

"""Where the rows of a batch lie, and asking for them before they are needed.

A batch reads all its rows first and then writes all of them. With long rows a processor looks
ahead no further than the batch it is at, so that the memory would rest while rows are written, and
arithmetic while they are read. Asking for the rows of a later batch, a cache line at a time
between the writes, keeps both busy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import prefetch, prefetching

__all__ = [
    "BATCH",
    "BATCH_WORDS",
    "ask_for_rows",
    "offsets_of_rows",
    "prefetch_to_second_level",
]

BATCH = 4
"""Ratings of one user that are in flight together."""

BATCH_WORDS = BATCH + 1
"""uint32 words of one batch: the user, then four rated items."""


@intrinsic
def prefetch_to_second_level(typing_context: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line of ``array[offset]``, but leave the first-level cache as it is."""
    return prefetching(array, write=0, locality=2)


@kernel
def offsets_of_rows(batches, at, item_mask, stride):
    """Return where the rows of the batch at word `at` begin.

    Parameters
    ----------
    batches : (n_batches * 5,) uint32, read-only
        See `fastmf.kernels.sgd.update_block`.
    at : int
    item_mask : uint32
        The bits of a word that are the item.
    stride : int
        Floats of a row.

    Returns
    -------
    user, item, item, item, item : int64
        An empty slot has the row that it names.
    """
    return (
        np.int64(batches[at] & np.uint32(0x3FFFFFFF)) * stride,
        np.int64(batches[at + 1] & item_mask) * stride,
        np.int64(batches[at + 2] & item_mask) * stride,
        np.int64(batches[at + 3] & item_mask) * stride,
        np.int64(batches[at + 4] & item_mask) * stride,
    )


@kernel
def ask_for_rows(user_rows, item_rows, soon, later_user, lane):
    """Ask for sixteen lanes of the rows of a batch to come, and of a user further on.

    Parameters
    ----------
    user_rows, item_rows : (rows * stride,) float32
        Nothing is modified.
    soon : tuple of int64
        The rows of a batch that is next or nearly so, as `offsets_of_rows` returns them.
    later_user : int64
        The row of a user whose turn comes later; most lie further away than items.
    lane : int
        The first of the lanes.
    """
    prefetch(user_rows, soon[0] + lane)
    prefetch(item_rows, soon[1] + lane)
    prefetch(item_rows, soon[2] + lane)
    prefetch(item_rows, soon[3] + lane)
    prefetch(item_rows, soon[4] + lane)
    prefetch_to_second_level(user_rows, later_user + lane)

"""The items that users have rated already, gathered from a table of ratings in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data.ratings import Ratings
from fastmf.data.vocabulary import Vocabulary
from fastmf.kernels.topn import place_seen_items

__all__ = ["SeenItems", "nothing_seen", "seen_in_batches"]

# Seen items held at once (256 MB). Users with more between them take another pass over the table.
_SEEN_AT_ONCE = 1 << 26

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]


class SeenItems(NamedTuple):
    """The items that each row of a batch must not get: ``items[start[r] : stop[r]]``."""

    start: Int64Array  # (m,)
    stop: Int64Array  # (m,)
    items: Int32Array  # dense indices of the model


def nothing_seen(m: int) -> SeenItems:
    """Return no seen items for each of `m` rows."""
    zeros = np.zeros(m, np.int64)
    return SeenItems(zeros, zeros, np.zeros(0, np.int32))


def seen_in_batches(
    seen: Ratings, seen_users: Int32Array, items: Vocabulary
) -> Iterator[tuple[int, int, SeenItems]]:
    """Yield the rows [first, stop) of each batch and the items that they have seen.

    Parameters
    ----------
    seen : Ratings
        What has been seen.
    seen_users : (m,) int32
        The user of each row in the indices of `seen`, -1 where it has none.
    items : Vocabulary
        The model's items, whose indices are yielded.

    Yields
    ------
    first, stop : int
    hidden : SeenItems
        For the rows [first, stop).
    """
    counts = np.zeros(seen.n_users + 1, np.int64)  # the last one stands for index -1
    for chunk in seen.chunks():
        counts[:-1] += np.bincount(chunk.user_index, minlength=seen.n_users)
    up_to = np.concatenate([[0], np.cumsum(counts[seen_users])])
    model_item = items.index_of(seen.items)
    first = 0
    while first < len(seen_users):
        limit = up_to[first] + _SEEN_AT_ONCE
        stop = max(int(np.searchsorted(up_to, limit, side="right")) - 1, first + 1)
        yield first, stop, _collect_seen(seen, seen_users[first:stop], counts, model_item)
        first = stop


def _collect_seen(
    seen: Ratings, seen_users: Int32Array, counts: Int64Array, model_item: Int32Array
) -> SeenItems:
    """Stream the table once and keep the items of the users asked for."""
    unique, slot = np.unique(seen_users, return_inverse=True)
    slot_of_user = np.full(seen.n_users + 1, -1, np.int32)  # the last one stands for index -1
    slot_of_user[unique] = np.arange(len(unique), dtype=np.int32)
    room = np.concatenate([[0], np.cumsum(counts[unique])])
    cursor = room[:-1].copy()
    found = np.empty(room[-1], np.int32)
    for chunk in seen.chunks():
        place_seen_items(
            chunk.user_index, chunk.item_index, slot_of_user, model_item, cursor, found
        )
    return SeenItems(room[slot], cursor[slot], found)

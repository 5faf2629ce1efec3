"""Choosing rows of a table: marks of one byte a row, counts of what is chosen, new numbers.

A *choice* has one byte for each selected row of a range, in order: 1 where the row is chosen, 0
where not. `place_choice` turns it into bits of a bitmap as `fastmf.kernels.tables.sampling` has
them.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = [
    "choose_known",
    "choose_pairs",
    "count_chosen",
    "number_by_appearance",
    "place_choice",
    "renumber",
]


@kernel
def place_choice(selected, start, stop, chosen, bitmap):
    """Write a choice among the selected rows of [start, stop) to the bits of these rows.

    Parameters
    ----------
    selected : (ceil(n_rows / 8),) uint8, read-only
        Bitmap of the rows that were chosen among.
    start, stop : int64
        Range of rows; `start` is a multiple of 8, `stop` too or the number of rows.
    chosen : (m,) uint8, read-only
        The choice: 0 or 1 for each of the m selected rows.
    bitmap : (ceil(n_rows / 8),) uint8, modified
        Receives the bits of the range; all others stay. Calls on different ranges write different
        bytes, so they may run at the same time.
    """
    place = np.int64(0)
    for byte in range(start >> 3, (stop + 7) >> 3):
        bits = np.int64(selected[byte])
        result = np.int64(0)
        if bits == 255:
            for bit in range(8):
                result |= np.int64(chosen[place + bit]) << bit
            place += 8
        elif bits != 0:
            for bit in range(8):
                if (bits >> bit) & 1:
                    result |= np.int64(chosen[place]) << bit
                    place += 1
        bitmap[byte] = result


@kernel
def choose_known(user_index, item_index, user_known, item_known, chosen):
    """Drop the rows from a choice whose user or item is not known.

    Parameters
    ----------
    user_index, item_index : (m,) int32, read-only
        The rows.
    user_known : (n_users,) uint8, read-only
        1 where the user is known, else 0.
    item_known : (n_items,) uint8, read-only
        Likewise of items.
    chosen : (m,) uint8, modified
        The choice.
    """
    for row in range(user_index.size):
        chosen[row] &= user_known[user_index[row]] & item_known[item_index[row]]


@kernel
def choose_pairs(user_index, item_index, offsets, items, chosen):
    """Choose the rows whose (user, item) pair is on a list.

    Parameters
    ----------
    user_index, item_index : (m,) int32, read-only
        The rows.
    offsets : (n_users + 1,) int64, read-only
        Where each user's items begin in `items`.
    items : (p,) int32, read-only
        The items of the listed pairs, by user, ascending within a user.
    chosen : (m,) uint8, modified
        Receives the choice.
    """
    for row in range(user_index.size):
        user = user_index[row]
        item = item_index[row]
        low = offsets[user]
        high = offsets[user + 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if items[middle] < item:
                low = middle + 1
            else:
                high = middle
        chosen[row] = np.uint8(low < end and items[low] == item)


@kernel
def count_chosen(user_index, item_index, chosen, of_user, of_item):
    """Add up the chosen rows of every user and every item.

    Parameters
    ----------
    user_index, item_index : (m,) int32, read-only
        The rows.
    chosen : (m,) uint8, read-only
        The choice.
    of_user : (n_users,) int64, modified
        Number of chosen rows of each is added here.
    of_item : (n_items,) int64, modified
        Likewise.
    """
    for row in range(user_index.size):
        one = np.int64(chosen[row])
        of_user[user_index[row]] += one
        of_item[item_index[row]] += one


@kernel
def number_by_appearance(index, numbers, n_numbered):
    """Give users or items numbers in the order of their first appearance.

    Parameters
    ----------
    index : (m,) int32, read-only
        User or item of each row.
    numbers : (n,) int32, modified
        The number of each, -1 where it has none yet.
    n_numbered : int64
        How many have one.

    Returns
    -------
    int64
        How many have one now.
    """
    for row in range(index.size):
        if numbers[index[row]] < 0:
            numbers[index[row]] = n_numbered
            n_numbered += 1
    return n_numbered


@kernel
def renumber(index, numbers, out):
    """Replace indices by their numbers.

    Parameters
    ----------
    index : (m,) int32, read-only
        User or item of each row.
    numbers : (n,) int32, read-only
        The number of each.
    out : (m,) int32, modified
        Receives ``numbers[index]``.
    """
    for row in range(index.size):
        out[row] = numbers[index[row]]

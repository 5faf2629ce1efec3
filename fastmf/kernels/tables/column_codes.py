"""What makes the columns of a store narrow, and wide again: codes of ratings, days of times."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.grid import level_slot

__all__ = ["code_bytes", "code_values", "look_up_levels", "narrow_days"]

_SECONDS_OF_DAY = np.int64(86_400)
# 86,400 is 2**7 * 675, and 2**32 / 675 is a little less than this.
_RECIPROCAL = np.uint64(6_362_915)


@kernel
def code_values(values, keys, used, code_of_slot, levels, count, codes):
    """Give every rating the number of its level, numbering the levels as they appear.

    Parameters
    ----------
    values : (m,) float32, read-only
        Ratings.
    keys : (1024,) uint32, modified
    used : (1024,) uint8, modified
        The levels so far, in a table as in `fastmf.kernels.grid.level_slot`.
    code_of_slot : (1024,) uint8, modified
        The code of the level in every slot.
    levels : (256,) float32, modified
        The level of every code; the next one goes to place `count`.
    count : int64
        Levels so far.
    codes : (m,) uint8, modified
        Receives the codes: ``levels[codes] == values``, bit by bit.

    Returns
    -------
    rows : int64
        Ratings coded; less than m when the next would be the 257th level.
    count : int64
        Levels now.
    """
    bits = values.view(np.uint32)
    for row in range(values.size):
        slot = level_slot(bits[row], keys, used)
        if used[slot] == 0:
            if count == levels.size:
                return np.int64(row), count
            used[slot] = 1
            keys[slot] = bits[row]
            code_of_slot[slot] = np.uint8(count)
            levels[count] = values[row]
            count += 1
        codes[row] = code_of_slot[slot]
    return np.int64(values.size), count


@kernel
def code_bytes(values, start, code_of_byte, codes):
    """Give ratings of eight bits the numbers of their levels, as far as all of these have one.

    Parameters
    ----------
    values : (m,) uint8, read-only
        The bytes of the ratings.
    start : int64
        First row to code.
    code_of_byte : (256,) int16
        The code of each byte, or -1.
    codes : (m,) uint8, modified
        Receives the codes.

    Returns
    -------
    int64
        Rows coded; less than m when the next has a byte without a code.

    Notes
    -----
    A third of the time of `code_values`, which scrambles all 32 bits of a rating.
    """
    for row in range(start, values.size):
        code = code_of_byte[values[row]]
        if code < 0:
            return np.int64(row)
        codes[row] = np.uint8(code)
    return np.int64(values.size)


@kernel
def look_up_levels(codes, levels, values):
    """Turn codes back into ratings: ``values = levels[codes]``.

    Parameters
    ----------
    codes : (m,) uint8, read-only
    levels : (256,) float32, read-only
    values : (m,) float32, modified
        Receives the ratings.
    """
    for row in range(codes.size):
        values[row] = levels[codes[row]]


@kernel
def narrow_days(seconds, days):
    """Turn times into whole days since 1970, if all of them are midnights that 16 bits can count.

    Parameters
    ----------
    seconds : (m,) int64, read-only
        Unix times.
    days : (m,) uint16, modified
        Receives the days; of no meaning where some times are no such midnights.

    Returns
    -------
    bool
        Whether ``seconds == 86400 * days`` everywhere.

    Notes
    -----
    A product takes the place of the division, which would cost more than the rest; that it is exact
    for days of 16 bits need not be relied on, since each is multiplied back and compared.
    """
    differing = np.int64(0)
    for row in range(seconds.size):
        day = ((np.uint64(seconds[row]) >> np.uint64(7)) * _RECIPROCAL) >> np.uint64(32)
        days[row] = np.uint16(day)
        differing |= np.int64(days[row]) * _SECONDS_OF_DAY ^ seconds[row]
    return differing == 0

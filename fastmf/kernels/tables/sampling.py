"""Selections of rows as packed bitmaps: drawing one at random, and gathering the rows of one.

Bit r of a bitmap is bit r % 8 (least significant first) of byte r // 8: NumPy's
``packbits(..., bitorder="little")`` and Arrow's validity bitmaps.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix

__all__ = ["gather_rows", "gather_times", "sample_rows"]

_UNIT = np.float64(2.0**-53)


@kernel
def sample_rows(candidates, n_rows, n_candidates, n_wanted, key, chosen):
    """Choose exactly `n_wanted` of the candidate rows, every subset equally likely.

    Selection sampling (Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S): the
    t-th candidate is taken when ``u_t * (candidates left) < (rows still wanted)``. The uniform
    number ``u_t`` is splitmix64 (Steele, Lea, Flood 2014) of a counter, so it depends on the key
    and on t alone.

    Parameters
    ----------
    candidates : (ceil(n_rows / 8),) uint8, read-only
        Bitmap of the rows to choose among.
    n_rows, n_candidates, n_wanted : int64
        Rows of the table, bits set in `candidates`, and rows to choose.
    key : uint64
        Seed of the counter-based generator.
    chosen : (ceil(n_rows / 8),) uint8, modified
        Receives the bitmap of the chosen rows.
    """
    seen = np.int64(0)
    wanted = n_wanted
    for byte in range(candidates.size):
        bits = candidates[byte]
        result = np.uint8(0)
        if bits != 0:
            for bit in range(min(np.int64(8), n_rows - 8 * np.int64(byte))):
                if (bits >> np.uint8(bit)) & np.uint8(1):
                    word = mix(key + np.uint64(seen + 1) * GOLDEN)
                    uniform = np.float64(word >> np.uint64(11)) * _UNIT
                    if uniform * np.float64(n_candidates - seen) < np.float64(wanted):
                        result |= np.uint8(1) << np.uint8(bit)
                        wanted -= 1
                    seen += 1
        chosen[byte] = result


@kernel
def gather_rows(
    bitmap, start, stop, user_index, item_index, value, users_out, items_out, values_out
):
    """Copy the rows of [start, stop) whose bit is set, in order.

    Parameters
    ----------
    bitmap : (ceil(n_rows / 8),) uint8, read-only
        The selection.
    start, stop : int64
        Range of rows, ``0 <= start <= stop <= n_rows``.
    user_index, item_index, value : (n_rows,) int32, int32, float32, read-only
        The columns.
    users_out, items_out, values_out : (m + 1,) int32, int32, float32, modified
        Receive the m selected rows. The last place is scratch: every row of a mixed byte is
        written and the cursor moves on only behind a selected one, which leaves no branch to
        mispredict.

    Returns
    -------
    int64
        m, the number of rows copied.
    """
    count = np.int64(0)
    row = np.int64(start)
    whole_bytes = np.int64(stop >> 3)
    while row < stop:
        if (row & 7) != 0 or (row >> 3) >= whole_bytes:
            # A byte that the range begins or ends in.
            users_out[count] = user_index[row]
            items_out[count] = item_index[row]
            values_out[count] = value[row]
            count += np.int64((bitmap[row >> 3] >> np.uint8(row & 7)) & np.uint8(1))
            row += 1
            continue
        bits = np.int64(bitmap[row >> 3])
        if bits == 255:
            for offset in range(8):
                users_out[count + offset] = user_index[row + offset]
                items_out[count + offset] = item_index[row + offset]
                values_out[count + offset] = value[row + offset]
            count += 8
        elif bits != 0:
            for offset in range(8):
                users_out[count] = user_index[row + offset]
                items_out[count] = item_index[row + offset]
                values_out[count] = value[row + offset]
                count += (bits >> offset) & 1
        row += 8
    return count


@kernel
def gather_times(bitmap, start, stop, time, out):
    """Copy the times of the rows of [start, stop) whose bit is set, in order.

    Parameters
    ----------
    bitmap : (ceil(n_rows / 8),) uint8, read-only
        The selection.
    start, stop : int64
        Range of rows, ``0 <= start <= stop <= n_rows``.
    time : (n_rows,) int64, read-only
        The column.
    out : (m + 1,) int64, modified
        Receives the m selected times; the last place is scratch.

    Returns
    -------
    int64
        m, the number of times copied.
    """
    count = np.int64(0)
    for row in range(start, stop):
        out[count] = time[row]
        count += np.int64((bitmap[row >> 3] >> np.uint8(row & 7)) & np.uint8(1))
    return count

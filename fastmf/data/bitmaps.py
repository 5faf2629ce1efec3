"""Selections of rows as bitmaps: one bit a row, least significant first."""

from __future__ import annotations

import numpy as np

from fastmf.data.arrays import Array

__all__ = ["count_bits", "full_bitmap"]


def full_bitmap(n_rows: int) -> Array:
    """Return the bitmap that selects every row.

    Parameters
    ----------
    n_rows : int

    Returns
    -------
    ndarray
        (ceil(n_rows / 8),) uint8; bits beyond the last row are 0.
    """
    bitmap = np.full((n_rows + 7) // 8, 255, np.uint8)
    if n_rows % 8:
        bitmap[-1] = (1 << (n_rows % 8)) - 1
    return bitmap


def count_bits(bitmap: Array, start: int, stop: int) -> int:
    """Count the bits set among [start, stop).

    Parameters
    ----------
    bitmap : ndarray
        (b,) uint8.
    start, stop : int
        Range of bits, ``0 <= start``, ``stop <= 8 * b``.

    Returns
    -------
    int
    """
    if start >= stop:
        return 0
    touched = bitmap[start // 8 : (stop + 7) // 8].copy()
    touched[0] &= (255 << (start % 8)) & 255
    if stop % 8:
        touched[-1] &= (1 << (stop % 8)) - 1
    return int(np.bitwise_count(touched).sum(dtype=np.int64))

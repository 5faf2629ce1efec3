"""Products of matrices of a few hundred rows and columns, within flat arrays.

The right side is packed: cut into panels of `PANEL` columns, which lie one after another, each row
by row. A block of 6 rows by 64 columns of the product stays in 24 registers while the rows of a
panel pass by, as many at a time as stay in the first-level cache. BLAS packs both sides anew in
every call: at the sizes of layers here it takes a sixth longer, and more where it has to be given
copies.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from fastmf.kernels.compiled import kernel
from fastmf.kernels.product_blocks import HEIGHTS, PANEL, multiply_block
from fastmf.kernels.vectors import WIDTH, load, store

__all__ = [
    "ANEW",
    "Block",
    "block_product",
    "in_panels",
    "pack",
    "panel_product",
    "panels_size",
]

ANEW = np.bool_(False)
"""For `adds`: the product is assigned. A plain False would have Numba compile all of it twice."""

# Rows of a panel that pass by at a time: 24 KiB of the first-level cache.
_DEPTH = 96


class Block(NamedTuple):
    """A matrix within a flat array of float32, row by row.

    Attributes
    ----------
    array : ndarray of float32
        (n,).
    at : int
        Where the first row begins.
    stride : int
        Elements from one row to the next.
    turned : bool
        Whether the transpose of the rows is meant.
    """

    array: Any
    at: int
    stride: int
    turned: bool = False


@kernel
def panels_size(rows, columns):
    """Return the floats that a matrix takes in panels.

    Parameters
    ----------
    rows, columns : int

    Returns
    -------
    int
    """
    return rows * ((columns + PANEL - 1) // PANEL * PANEL)


@kernel
def in_panels(column, row, rows):
    """Return where an element of a matrix lies in panels.

    Parameters
    ----------
    column, row : int
    rows : int
        Of the matrix.

    Returns
    -------
    int
    """
    return (column // PANEL * rows + row) * PANEL + column % PANEL


@kernel
def pack(right, k, n, packed, to):
    """Lay a matrix out in panels.

    Parameters
    ----------
    right : Block
        (k, n), when turned as it says.
    k, n : int64
    packed : float32, modified in place
        `panels_size` floats from `to` on, zeros behind the last column.
    to : int64
    """
    for first in range(0, n, PANEL):
        width = min(PANEL, n - first)
        if right.turned:
            _pack_turned(right, first, width, k, packed, to)
        else:
            _pack_rows(right, first, width, k, packed, to)
        to += k * PANEL


@njit
def _pack_rows(right, first, width, k, packed, to):
    """Pack a panel of a matrix whose columns lie side by side."""
    whole = width - width % WIDTH
    for row in range(k):
        at, start = right.at + row * right.stride + first, to + row * PANEL
        for lane in range(0, whole, WIDTH):
            store(packed, start + lane, load(right.array, at + lane))
        for column in range(whole, width):
            packed[start + column] = right.array[at + column]
        for column in range(width, PANEL):
            packed[start + column] = np.float32(0)


@njit
def _pack_turned(right, first, width, k, packed, to):
    """Pack a panel of a matrix whose rows lie side by side."""
    for begin in range(0, k, WIDTH):  # as many as are in the cache lines of all columns
        rows = min(WIDTH, k - begin)
        for column in range(width):
            at, start = (
                right.at + (first + column) * right.stride + begin,
                to + begin * PANEL + column,
            )
            for row in range(rows):
                packed[start + row * PANEL] = right.array[at + row]
        for column in range(width, PANEL):
            for row in range(begin, begin + rows):
                packed[to + row * PANEL + column] = np.float32(0)


@kernel
def block_product(left, packed, start, m, n, k, adds, out):
    """Set ``out = left @ right``, or add that to it.

    Parameters
    ----------
    left : Block
        (m, k), when turned as it says.
    packed : float32
        The right side, (k, n), in panels from `start` on; see `pack`.
    start, m, n, k : int64
        k at least 1.
    adds : bool
    out : Block, modified in place
        (m, n), not turned.

    Notes
    -----
    Sums run in an order that does not depend on `m`. Free of races as long as no other thread
    has the same part of `out`.
    """
    _multiply(left, packed, start, m, n, k, np.int64(0), k, adds, out)


@kernel
def panel_product(left, begin, packed, start, m, n, k, adds, out):
    """Do what `block_product` does, with the left side in panels as well.

    Parameters
    ----------
    left : float32
        (m, k), in panels from `begin` on.
    begin : int64
    packed, start, m, n, k, adds, out
        As for `block_product`.
    """
    for first in range(0, k, PANEL):
        panel = Block(left, begin + first * m, PANEL, False)
        last = min(first + PANEL, k)
        _multiply(panel, packed, start, m, n, k, first, last, adds or first > 0, out)


@njit
def _multiply(left, packed, start, m, n, k, first, last, adds, out):
    """Multiply with the rows [first, last) of the right side, which has k."""
    by_row, by_column = (1, left.stride) if left.turned else (left.stride, 1)
    for begin in range(first, last, _DEPTH):
        depth = min(_DEPTH, last - begin)
        again = adds or begin > first
        for column in range(0, n, PANEL):
            vectors = (min(PANEL, n - column) + WIDTH - 1) // WIDTH
            lanes = min(PANEL, n - column) - (vectors - 1) * WIDTH
            row = np.int64(0)
            while row < m:
                left_rows = m - row
                high = 0 if left_rows >= HEIGHTS[0] else (1 if left_rows >= HEIGHTS[1] else 2)
                multiply_block(
                    left.array,
                    (left.at + row * by_row + (begin - first) * by_column, by_row, by_column),
                    packed,
                    start + column * k + begin * PANEL,
                    depth,
                    out.array,
                    out.at + row * out.stride + column,
                    out.stride,
                    lanes,
                    again,
                    high * 4 + vectors - 1,
                )
                row += HEIGHTS[high]

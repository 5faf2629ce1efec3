"""How the upper triangle of a matrix is cut into blocks that fit into the vector registers.

A matrix stands at the lower right of a square whose side, its `stride`, is a multiple of sixteen.
Its rows are taken eight at a time, its columns sixteen: a vector. Eight rows need the vectors from
the one that their diagonal is in, three of which make a block of 24 registers. What is left over,
eight rows by one or two vectors, is put together with others of its kind, so that almost every
block has 24. Up to six rows at the top, where the matrix has no multiple of eight, have blocks of
their own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fastmf.kernels.vectors import WIDTH

__all__ = ["EIGHT_BY_THREE", "EIGHT_BY_TWO", "SHAPES", "SIXTEEN_BY_ONE", "triangle_blocks"]

_HIGH = 8
_WIDE = 3

EIGHT_BY_THREE, EIGHT_BY_TWO, SIXTEEN_BY_ONE, _TWO_AND_ONE, _EIGHT_BY_ONE = range(5)

# Height and width of what is left at the top. Below twelve sums an addition waits for the last
# one, so two rows by fewer than three vectors would take as long as four do.
_THIN = ((4, 4), (4, 3), (4, 2), (4, 1), (2, 5), (2, 4), (2, 3))

SHAPES = (
    ((8, 3),),
    ((8, 2),),
    ((8, 1), (8, 1)),
    ((8, 2), (8, 1)),
    ((8, 1),),
    *((shape,) for shape in _THIN),
)
"""Heights in rows, and widths in vectors, of the parts of a block of each shape."""


@cache
def triangle_blocks(stride: int, size: int) -> NDArray[np.int64]:
    """Return blocks that together hold the upper triangle of a matrix, no element of it twice.

    Parameters
    ----------
    stride : int
        A multiple of sixteen.
    size : int
        Rows of the matrix, at most `stride`. What stands before them in a square of that side is
        taken to be zero, and may be in a block.

    Returns
    -------
    (n_blocks, 5) int64, read-only
        A shape, which is a place in `SHAPES`; row and column where its first part begins; and
        those of the second part, or of the first once more.
    """
    first = (stride - size) // 2 * 2
    panel = first // WIDTH * WIDTH
    blocks: list[tuple[int, ...]] = []
    thin = -first % _HIGH
    if thin == 6:  # as fast as eight
        first, thin = first - 2, 0
    if thin:
        blocks += _thin_blocks(first, thin, panel, stride)
    left_over: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
    for row in range(first + thin, stride, _HIGH):
        column = row // WIDTH * WIDTH
        while stride - column >= _WIDE * WIDTH:
            blocks.append((EIGHT_BY_THREE, row, column, row, column))
            column += _WIDE * WIDTH
        if column < stride:
            left_over[(stride - column) // WIDTH].append((row, column))
    blocks += _paired(left_over[2], left_over[1])
    found = np.array(blocks, np.int64)
    found.flags.writeable = False
    return found


def _thin_blocks(first: int, height: int, panel: int, stride: int) -> list[tuple[int, ...]]:
    """Return the blocks of fewer than eight rows, from a panel's first column on."""
    vectors = (stride - panel) // WIDTH
    if height == 2 and vectors < 3:
        first, height = first - 2, 4
    widest = max(wide for high, wide in _THIN if high == height)
    parts = -(-vectors // widest)
    blocks: list[tuple[int, ...]] = []
    for part in range(parts):
        begin, end = part * vectors // parts, (part + 1) * vectors // parts
        shape = SHAPES.index(((height, end - begin),))
        column = panel + WIDTH * begin
        blocks.append((shape, first, column, first, column))
    return blocks


def _paired(twos: list[tuple[int, int]], ones: list[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return the blocks of what is left over: eight rows by two vectors, or by one."""
    blocks: list[tuple[int, ...]] = []
    while twos and ones:
        blocks.append((_TWO_AND_ONE, *twos.pop(), *ones.pop()))
    blocks += [(EIGHT_BY_TWO, *place, *place) for place in twos]
    while len(ones) > 1:
        blocks.append((SIXTEEN_BY_ONE, *ones.pop(), *ones.pop()))
    return blocks + [(_EIGHT_BY_ONE, *place, *place) for place in ones]

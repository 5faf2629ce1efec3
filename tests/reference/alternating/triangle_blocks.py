"""Slow, obvious twin of kernels.alternating.triangle_blocks: what its blocks hold, one by one."""

import numpy as np


def held(blocks, shapes, stride):
    """Return how often each element of the square is in a block."""
    times = np.zeros((stride, stride), int)
    for shape, *cells in blocks:
        for number, (height, vectors) in enumerate(shapes[shape]):
            row, column = cells[2 * number :][:2]
            assert row + height <= stride
            assert column + 16 * vectors <= stride
            times[row : row + height, column : column + 16 * vectors] += 1
    return times

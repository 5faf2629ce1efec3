"""Slow, obvious twins of fastmf.kernels.products; they return what the kernels assign."""

import numpy as np


def rows_of(array, at, stride, turned, shape):
    """Return a block of a flat array as a matrix of a shape."""
    m, n = shape[::-1] if turned else shape
    rows = np.array([array[at + row * stride : at + row * stride + n] for row in range(m)])
    return rows.T if turned else rows


def set_product(left, right):
    return left.astype(np.float64) @ right


def add_product(left, right, out):
    return out + left.astype(np.float64) @ right

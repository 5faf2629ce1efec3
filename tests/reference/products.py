"""Slow, obvious twins of fastmf.kernels.products; they return what the kernels assign."""

import numpy as np


def rows_of(array, at, stride, turned, shape):
    """Return a block of a flat array as a matrix of a shape."""
    m, n = shape[::-1] if turned else shape
    rows = np.array([array[at + row * stride : at + row * stride + n] for row in range(m)])
    return rows.T if turned else rows


def product(left, right):
    return left.astype(np.float64) @ right


def panels(matrix, width=64):
    """Return a matrix cut into panels of 64 columns, one after another, with zeros behind."""
    rows, columns = matrix.shape
    whole = np.zeros((rows, -(-columns // width) * width), matrix.dtype)
    whole[:, :columns] = matrix
    return np.concatenate([part.ravel() for part in np.split(whole, whole.shape[1] // width, 1)])

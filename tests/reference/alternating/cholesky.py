"""Slow, obvious twins of fastmf.kernels.alternating.cholesky: NumPy in float64."""

import numpy as np


def augmented(a, b, c, stride):
    """Return the upper triangle at the lower right of a square, rubbish elsewhere."""
    m = len(b)
    whole = np.full((stride, stride), 7.0)
    first = stride - 1 - m
    whole[:first] = whole[:, :first] = 0
    whole[first:-1, first:-1] = np.triu(a) + np.tril(np.full((m, m), 3.0), -1)
    whole[first:-1, -1] = b
    whole[-1, -1] = c
    return whole.astype(np.float32)


def factor(a):
    return np.linalg.cholesky(a).T


def solve(a, b):
    return np.linalg.solve(a, b)

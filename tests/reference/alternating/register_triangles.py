"""Slow, obvious twins of fastmf.kernels.alternating.register_triangles: NumPy in float64."""

import numpy as np


def factor_triangle(block, pivots):
    """Return the upper factor of the pivots' rows; below, what is left of the other rows."""
    whole = np.triu(block).astype(np.float64)
    whole += np.triu(whole, 1).T
    factor = np.linalg.cholesky(whole[:pivots, :pivots]).T
    beside = np.linalg.solve(factor.T, whole[:pivots, pivots:])
    rest = whole[pivots:, pivots:] - beside.T @ beside
    return np.block([[factor, beside], [np.zeros_like(beside.T), rest]])


def solve_columns(factor, columns):
    return np.linalg.solve(np.triu(factor).T.astype(np.float64), columns.astype(np.float64))


def solve_upwards(factor, rights):
    return np.linalg.solve(np.triu(factor).astype(np.float64), rights.astype(np.float64))

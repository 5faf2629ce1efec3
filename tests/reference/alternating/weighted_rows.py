"""Slow, obvious twins of fastmf.kernels.alternating.weighted_rows: one row at a time in float64."""

import numpy as np


def problem(regressors, residuals, weights, start, *, base, prior, memory, ridges, pulls):
    """Return the matrix and the right-hand side of the change of one row.

    `residuals` are targets less the other side's bias; `ridges` and `pulls` one for each unknown.
    """
    left = residuals - regressors @ start
    matrix = base + memory * prior + (regressors.T * weights) @ regressors + np.diag(ridges)
    return matrix, (regressors.T * weights) @ left - pulls * start


def objective(change, regressors, residuals, weights, start, *, base, prior, memory, ridges, pulls):
    """Return what the change of one row minimizes."""
    left = residuals - regressors @ (start + change)
    known = change @ (base + memory * prior + np.diag(ridges)) @ change
    return (weights * left * left).sum() + known + 2 * (pulls * start) @ change


def solve(*arrays, **terms):
    return arrays[3] + np.linalg.solve(*problem(*arrays, **terms))


def solve_bounded(*arrays, bounded, **terms):
    """Return the solution with some unknowns at zero or above, by projected gradient steps."""
    matrix, right = problem(*arrays, **terms)
    start = arrays[3]
    change = np.zeros_like(start)
    rate = 1 / np.linalg.eigvalsh(matrix)[-1]
    for _ in range(200_000):
        moved = change + rate * (right - matrix @ change)
        moved = np.where(bounded, np.maximum(moved, -start), moved)
        if np.abs(moved - change).max() < 1e-13:
            break
        change = moved
    return start + change


def variances(others, *arrays, **terms):
    """Return ``a' inverse(A) a`` for each row of `others`."""
    matrix, _ = problem(*arrays, **terms)
    return np.einsum("ij,ji->i", others, np.linalg.solve(matrix, others.T))

"""Slow, obvious twins of kernels.alternating.normal_equations: one row at a time in float64."""

import numpy as np


def stride_of(unknowns):
    stride = 16
    while stride < unknowns + 1:
        stride += 16
    return stride


def problem(rows, values, *, biased, alpha, base=None):
    """Return matrix, right-hand side and constant of a row's least squares problem.

    `rows` are the padded rows of the other side that the ratings are about, without what pads
    them: ``factors | 1 | bias``, or ``factors | 0``.
    """
    rows, values = rows.astype(np.float64), values.astype(np.float64)
    regressors = rows[:, :-1]
    if biased:
        targets = values - rows[:, -1]
        return regressors.T @ regressors, regressors.T @ targets, targets @ targets
    matrix = (regressors.T * (alpha * values)) @ regressors
    if base is not None:
        matrix = matrix + base
    confidences = np.where(values > 0, 1 + alpha * values, 0)
    return matrix, regressors.T @ confidences, confidences.sum()


def solve(matrix, right, ridges):
    return np.linalg.solve(matrix + np.diag(ridges), right)


def least(matrix, right, constant, ridges):
    """Return the least value of the problem."""
    return constant - right @ solve(matrix, right, ridges)

"""Slow, obvious twins of fastmf.kernels.alternating.rated_products, in float64."""

import numpy as np


def terms(values, alpha):
    """Return weights and targets of ratings."""
    values = values.astype(np.float64)
    if alpha == 0:
        return np.ones(len(values)), values
    return alpha * values, np.where(values > 0, 1 + alpha * values, 0)


def products(rows, weights, targets, vector, part):
    """Return the sum of errors times rows, and both sums that tell of the value."""
    dots = rows.astype(np.float64) @ vector
    errors = weights * dots - part * targets
    return rows.T @ errors, dots @ (errors - part * targets), errors @ errors

"""Slow, obvious twins of fastmf.kernels.alternating.shared_terms, in float64."""

import numpy as np


def image(base, weights, vector):
    """Return the base matrix and the regularization, times a vector."""
    vector = vector.astype(np.float64)
    of_base = np.diag(base) if base.ndim == 1 else base
    return (of_base.astype(np.float64) + np.diag(weights)) @ vector


def unknowns(row, *, biased):
    """Return a row as its problem has it: a bias behind the factors, then a zero."""
    x = row.copy()
    if biased:
        x[-2] = x[-1]
    x[-1] = 0
    return x

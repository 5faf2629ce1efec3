"""Slow, obvious twins of fastmf.kernels.alternating.register_blocks: whole matrices in float64."""

import numpy as np


def products(rows, sign):
    """Return ``sign * sum(row row')``."""
    rows = rows.astype(np.float64)
    return sign * rows.T @ rows

"""Slow twin of fastmf.kernels.networks.dropout, in Python integers."""

import numpy as np

from tests.reference.hashing import GOLDEN, mix


def drop(x, key, first_row, threshold, scale):
    """Return what the kernel assigns."""
    out = np.zeros_like(x)
    for row, column in np.ndindex(x.shape):
        word = (mix(key + (first_row + row) * GOLDEN) + column * 0x9E3779B9) % 2**32
        word = (word ^ (word >> 16)) * 0x85EBCA6B % 2**32
        word = (word ^ (word >> 13)) * 0xC2B2AE35 % 2**32
        word ^= word >> 16
        if word >= threshold:
            out[row, column] = x[row, column] * scale
    return out

"""Slow, obvious twins of fastmf.kernels.vector_masks on arrays of sixteen float32."""

import numpy as np


def positive(value):
    """Return sixteen bools."""
    return ~(value <= 0)


def keep(bits, value):
    return np.where([bits >> lane & 1 for lane in range(16)], value, 0)


def drawn(row_key, column, threshold):
    """Return sixteen bools."""
    kept = []
    for lane in range(16):
        word = (row_key + (column + lane) * 0x9E3779B9) % 2**32
        word = (word ^ (word >> 16)) * 0x85EBCA6B % 2**32
        word = (word ^ (word >> 13)) * 0xC2B2AE35 % 2**32
        kept.append(word ^ (word >> 16) >= threshold)
    return np.array(kept)

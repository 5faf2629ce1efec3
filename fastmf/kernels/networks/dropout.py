"""Dropout by numbers that follow from where an element stands."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.hashing import GOLDEN, mix

__all__ = ["GOLDEN_32", "MIX_1", "MIX_2", "drop", "word_of"]

GOLDEN_32 = np.uint32(0x9E3779B9)
MIX_1 = np.uint32(0x85EBCA6B)
MIX_2 = np.uint32(0xC2B2AE35)


@kernel(inline="always")
def word_of(row_key, column):
    """Return the random number of an element; see `drop`.

    Parameters
    ----------
    row_key : uint32
    column : int

    Returns
    -------
    uint32
    """
    word = np.uint32(row_key + np.uint32(column) * GOLDEN_32)
    word = np.uint32((word ^ (word >> np.uint32(16))) * MIX_1)
    word = np.uint32((word ^ (word >> np.uint32(13))) * MIX_2)
    return np.uint32(word ^ (word >> np.uint32(16)))


@kernel(error_model="numpy")
def drop(x, key, first_row, threshold, scale, out):
    """Set ``out = x * scale`` where a random 32-bit number is not below a threshold, else 0.

    An element's number is ``mix_32(row_key + column * golden)``, where ``row_key`` is the lower
    half of ``mix(key + (first_row + row) * GOLDEN)``: 64 bits for each row, 32 for each element,
    which vector units multiply four times as fast. `mix_32` is the finalizer of MurmurHash3
    (Appleby).

    Parameters
    ----------
    x : (m, n) floats
    key : uint64
        Of the step and the layer.
    first_row : int64
        Row of the batch that row 0 is.
    threshold : uint32
        Rate of dropping times 2^32.
    scale : float
        Of the type of `x`.
    out : (m, n) floats, modified in place
        May be `x`.

    Notes
    -----
    Free of races as long as no other thread has the same `out`.
    """
    zero = x.dtype.type(0)
    for row in range(x.shape[0]):
        row_key = np.uint32(mix(key + np.uint64(first_row + row) * GOLDEN))
        for column in range(x.shape[1]):
            dropped = word_of(row_key, column) < threshold
            out[row, column] = zero if dropped else x[row, column] * scale

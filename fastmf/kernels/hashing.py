"""Scrambling 64 bits: what hash tables and counter-based random numbers are made of."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = ["GOLDEN", "mix"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Step of a counter whose mixed values are random numbers: 2**64 over the golden ratio, odd."""

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@kernel(inline="always")
def mix(word):
    """Scramble 64 bits, one to one: the finalizer of SplitMix64.

    Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", figure 16.

    Parameters
    ----------
    word : uint64

    Returns
    -------
    uint64
    """
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))

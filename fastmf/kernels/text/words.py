"""Bytes of text read eight at a time, as one 64-bit number.

Words are inlined by LLVM and compiled without Numba's reference counts (`_nrt`): inlined by Numba,
or counting references to the text at every word, parsing was six times slower (68 and 51 against
450 MB/s on two integers and a rating a line).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel

__all__ = ["WORD_BYTES", "eight_bytes", "trailing_zeros"]

WORD_BYTES = 8
"""Bytes of a word; the first one of the text is the lowest."""


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Count the zero bits of a uint64 below its lowest bit that is set; 64 for zero."""
    if word != types.uint64:
        return None

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@kernel(forceinline=True, _nrt=False)
def eight_bytes(text, at):
    """Read eight bytes as one number, the first as its lowest byte.

    Parameters
    ----------
    text : (n,) uint8, read-only
        Where they stand.
    at : int64
        The first one, at most n.

    Returns
    -------
    uint64
        Zeros stand for what is past the end of the text.
    """
    word = np.uint64(0)
    place = np.uint64(at)
    if at + WORD_BYTES <= text.size:
        # LLVM joins the eight loads into one of 64 bits.
        word = np.uint64(text[place])
        word |= np.uint64(text[place + np.uint64(1)]) << np.uint64(8)
        word |= np.uint64(text[place + np.uint64(2)]) << np.uint64(16)
        word |= np.uint64(text[place + np.uint64(3)]) << np.uint64(24)
        word |= np.uint64(text[place + np.uint64(4)]) << np.uint64(32)
        word |= np.uint64(text[place + np.uint64(5)]) << np.uint64(40)
        word |= np.uint64(text[place + np.uint64(6)]) << np.uint64(48)
        word |= np.uint64(text[place + np.uint64(7)]) << np.uint64(56)
    else:
        for byte in range(max(text.size - at, 0)):
            word |= np.uint64(text[place + np.uint64(byte)]) << np.uint64(8 * byte)
    return word

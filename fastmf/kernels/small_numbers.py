"""Numbers too small to matter to an optimizer, which it takes for 0.

What nothing but a penalty, weight decay or fading momentum moves shrinks by a factor in every step:
within some hundred steps to denormal numbers, those below 1.2e-38, where it stays, as a little less
than such a number rounds to the number itself. Some processors take a hundred cycles more for
whatever they compute with one or whatever results in one, and a network trains 15 times slower
once most of its weights are. An optimizer that keeps no number below `SMALL` but 0 does not get
there, nor does the product of two that it keeps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import VECTOR, WIDTH, lanes, splat

__all__ = ["SMALL", "SMALL_SQUARE", "large_or_zero", "large_or_zeros"]

SMALL = np.float32(1e-16)
"""Far below the rounding of what it is added to, and below epsilon, where there is one."""

SMALL_SQUARE = np.float32(1e-32)
"""The same for means of squares, which roots are taken of."""


@kernel
def large_or_zero(number, limit):
    """Return a number; 0 where it is closer to 0 than a limit. NaN stays NaN.

    Parameters
    ----------
    number : float32
    limit : float32
        Above 0.

    Returns
    -------
    float32
    """
    return np.float32(0) if abs(number) < limit else number


@intrinsic
def large_or_zeros(typing_context: Any, value: Any, limit: Any) -> Any:
    """Return what `large_or_zero` does, lane by lane; the limit is a float32."""
    signature = lanes(lanes, limit)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR])
        size = cgutils.get_or_insert_function(builder.module, kind, "llvm.fabs.v16f32")
        below = builder.fcmp_ordered("<", builder.call(size, args[:1]), splat(builder, args[1]))
        return builder.select(below, ir.Constant(VECTOR, [0.0] * WIDTH), args[0])

    return signature, generate

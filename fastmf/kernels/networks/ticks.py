"""What a compiled call spends its time on, counted in ticks of the processor's clock.

Clocks around kernels do not see into a call that does everything. Such a call tells what it has
done, in between; where nobody asked to know, that costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel

__all__ = [
    "ELEMENTS",
    "N_PURPOSES",
    "PARAMETERS",
    "PRODUCTS",
    "ROWS_AT_HAND",
    "ROW_STEPS",
    "SUMS_BY_ROW",
    "WAITING",
    "tick",
]

N_PURPOSES = 7
# Of a type of their own: Numba compiles a function anew for every plain number it is called with.
WAITING, ROWS_AT_HAND, PRODUCTS, ELEMENTS, SUMS_BY_ROW, ROW_STEPS, PARAMETERS = np.arange(
    N_PURPOSES, dtype=np.int64
)

_TICKS = types.Array(types.int64, 1, "C")


@intrinsic
def _now(typing_context: Any) -> Any:
    """Return the ticks of the processor's clock so far."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(64), [])
        function = builder.module.declare_intrinsic("llvm.readcyclecounter", (), kind)
        return builder.call(function, [])

    return types.int64(), generate


@kernel(signature=types.void(_TICKS, types.int64))
def tick(ticks, purpose):
    """Count the time since the call before to a purpose; the first call starts the clock.

    Parameters
    ----------
    ticks : (N_PURPOSES + 1,) or (0,) int64, modified in place
        Ticks of each purpose, and when the last call was: zeros to begin with; empty where nobody
        wants to know.
    purpose : int64

    Notes
    -----
    Free of races as long as each thread has ticks of its own.
    """
    if ticks.size > 0:
        now = _now()
        if ticks[N_PURPOSES] > 0:
            ticks[purpose] += now - ticks[N_PURPOSES]
        ticks[N_PURPOSES] = now

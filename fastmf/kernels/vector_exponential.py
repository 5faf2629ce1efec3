"""The exponential of sixteen lanes, which LLVM would call sixteen times."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from fastmf.kernels.vectors import VECTOR, WIDTH, fused, lanes

__all__ = ["exponential"]

_WORDS = ir.VectorType(ir.IntType(32), WIDTH)

# Beyond these, 2^n would leave the exponents of float32. What comes out is nearly 0 and nearly the
# largest number, which is as good for an activation.
_LOWEST, _HIGHEST = -87.0, 88.0

# ln 2 in two parts: a product of the first with up to seven bits is exact.
_LN2_HIGH = 0.693359375
_LN2_LOW = math.log(2) - _LN2_HIGH

# Of Taylor's series, whose next term is below 2^-27 on [-ln 2 / 2, ln 2 / 2].
_DEGREE = 7


def _constant(value: float) -> Any:
    return ir.Constant(VECTOR, [value] * WIDTH)


def _word(value: int) -> Any:
    return ir.Constant(_WORDS, [value] * WIDTH)


@intrinsic
def exponential(typing_context: Any, value: Any) -> Any:
    """Return ``e^value`` lane by lane, to 2e-7 of it; NaN where it is NaN."""
    signature = lanes(lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        (x,) = args
        for comparison, bound in (("<", _LOWEST), (">", _HIGHEST)):
            beyond = builder.fcmp_ordered(comparison, x, _constant(bound))
            x = builder.select(beyond, _constant(bound), x)
        kind = ir.FunctionType(VECTOR, [VECTOR])
        nearest = cgutils.get_or_insert_function(builder.module, kind, "llvm.rint.v16f32")
        power = builder.call(nearest, [builder.fmul(x, _constant(1 / math.log(2)))])
        rest = fused(builder, power, _constant(-_LN2_HIGH), x)
        rest = fused(builder, power, _constant(-_LN2_LOW), rest)
        found = _constant(1 / math.factorial(_DEGREE))
        for degree in range(_DEGREE - 1, -1, -1):
            found = fused(builder, found, rest, _constant(1 / math.factorial(degree)))
        bits = builder.add(builder.fptosi(power, _WORDS), _word(127))
        scale = builder.bitcast(builder.shl(bits, _word(23)), VECTOR)
        return builder.fmul(found, scale)

    return signature, generate

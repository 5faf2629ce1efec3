"""Sums, quotients and square roots of sixteen lanes: what optimizers need beside `vectors`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from fastmf.kernels.vectors import VECTOR, elementwise, lanes

__all__ = ["add", "divide", "square_root"]

add = elementwise("add", lambda builder, a, b: builder.fadd(a, b), "left + right")
divide = elementwise("divide", lambda builder, a, b: builder.fdiv(a, b), "left / right")


@intrinsic
def square_root(typing_context: Any, value: Any) -> Any:
    """Return the square root lane by lane, correctly rounded."""
    signature = lanes(lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.v16f32")
        return builder.call(function, args)

    return signature, generate

"""Sums, quotients and square roots of sixteen lanes: what optimizers need beside `vectors`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from fastmf.kernels.vectors import WIDTH, lanes

__all__ = ["add", "divide", "square_root"]

_VECTOR = ir.VectorType(ir.FloatType(), WIDTH)


def _of_two(name: str, operation: Callable[[Any, Any, Any], Any], formula: str) -> Any:
    def typer(typing_context: Any, left: Any, right: Any) -> Any:
        signature = lanes(lanes, lanes)
        return signature, lambda context, builder, sig, args: operation(builder, *args)

    typer.__name__ = name
    typer.__doc__ = f"Return ``{formula}`` lane by lane."
    return intrinsic(typer)


add = _of_two("add", lambda builder, a, b: builder.fadd(a, b), "left + right")
divide = _of_two("divide", lambda builder, a, b: builder.fdiv(a, b), "left / right")


@intrinsic
def square_root(typing_context: Any, value: Any) -> Any:
    """Return the square root lane by lane, correctly rounded."""
    signature = lanes(lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.v16f32")
        return builder.call(function, args)

    return signature, generate

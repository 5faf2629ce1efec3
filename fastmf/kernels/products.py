"""Products of blocks within flat arrays, by the BLAS that Numba calls for `np.dot`.

`np.dot` takes contiguous arrays only, and overwrites the result: a range of columns would have to
be copied first, and a sum of products be added by hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel

__all__ = ["Block", "add_product", "set_product"]

_BYTE, _SIZE = ir.IntType(8), ir.IntType(64)
_POINTER = _BYTE.as_pointer()
_INT = types.int64


class Block(NamedTuple):
    """A matrix within a flat array of float32, row by row.

    Attributes
    ----------
    array : ndarray of float32
        (n,).
    at : int
        Where the first row begins.
    stride : int
        Elements from one row to the next.
    turned : bool
        Whether the transpose of the rows is meant.
    """

    array: Any
    at: int
    stride: int
    turned: bool = False


@intrinsic
def _gemm(
    typing_context: Any, left: Any, right: Any, m: Any, n: Any, k: Any, kept: Any, out: Any
) -> Any:
    """Set ``out = left @ right + kept * out``; blocks are tuples (array, at, stride, turned)."""
    signature = types.int32(left, right, _INT, _INT, _INT, types.float32, out)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        sizes, kept = args[2:5], args[5]

        def unpacked(number: int) -> tuple[Any, Any, Any]:
            """Return pointer, stride and letter of a block."""
            array, at, stride, turned = cgutils.unpack_tuple(builder, args[number], 4)
            kind = sig.args[number].types[0]
            data = context.make_array(kind)(context, builder, array).data
            letters = (ir.Constant(_BYTE, ord(letter)) for letter in "tn")
            letter = builder.select(builder.trunc(turned, ir.IntType(1)), *letters)
            return builder.bitcast(builder.gep(data, [at]), _POINTER), stride, letter

        (a, a_stride, a_letter), (b, b_stride, b_letter) = unpacked(0), unpacked(1)
        c, c_stride, _ = unpacked(6)
        one = ir.Constant(ir.FloatType(), 1.0)
        factors = [cgutils.alloca_once_value(builder, value) for value in (one, kept)]
        alpha, beta = (builder.bitcast(factor, _POINTER) for factor in factors)
        # Columns first is what BLAS counts by: the transpose of all is computed.
        m, n, k = sizes
        arguments = [ir.Constant(_BYTE, ord("s")), b_letter, a_letter, n, m, k]
        arguments += [alpha, b, b_stride, a, a_stride, beta, c, c_stride]
        kinds = [argument.type for argument in arguments]
        kind = ir.FunctionType(ir.IntType(32), kinds)
        function = cgutils.get_or_insert_function(builder.module, kind, "numba_xxgemm")
        return builder.call(function, arguments)

    return signature, generate


@kernel
def set_product(left, right, m, n, k, out):
    """Set ``out = left @ right``.

    Parameters
    ----------
    left, right : Block
        (m, k) and (k, n), when turned as they say.
    m, n, k : int64
    out : Block, modified in place
        (m, n), not turned.
    """
    _gemm(left, right, m, n, k, np.float32(0), out)


@kernel
def add_product(left, right, m, n, k, out):
    """Set ``out = out + left @ right``; see `set_product`."""
    _gemm(left, right, m, n, k, np.float32(1), out)

"""Which of sixteen lanes count, as sixteen bits: rectifiers and dropouts of networks."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmf.kernels.networks.dropout import GOLDEN_32, MIX_1, MIX_2
from fastmf.kernels.vectors import VECTOR, WIDTH, lanes

__all__ = ["drawn", "keep", "positive"]

_BITS = ir.IntType(WIDTH)
_MASK = ir.VectorType(ir.IntType(1), WIDTH)
_WORDS = ir.VectorType(ir.IntType(32), WIDTH)
_GOLDEN = int(GOLDEN_32)


@intrinsic
def positive(typing_context: Any, value: Any) -> Any:
    """Return a bit for each lane, set where it is above 0 or no number."""
    signature = types.uint16(lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        above = builder.fcmp_unordered(">", args[0], ir.Constant(VECTOR, [0.0] * WIDTH))
        return builder.bitcast(above, _BITS)

    return signature, generate


@intrinsic
def keep(typing_context: Any, bits: Any, value: Any) -> Any:
    """Return `value` in the lanes whose bits are set, 0 in the others."""
    signature = lanes(types.uint16, lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        mask = builder.bitcast(args[0], _MASK)
        return builder.select(mask, args[1], ir.Constant(VECTOR, [0.0] * WIDTH))

    return signature, generate


def _spread(builder: Any, word: Any) -> Any:
    empty, number = ir.Constant(_WORDS, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(empty, word, ir.Constant(number, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(_WORDS, [0] * WIDTH))


@intrinsic
def drawn(typing_context: Any, row_key: Any, column: Any, threshold: Any) -> Any:
    """Return a bit for each of sixteen columns, set where dropout keeps the element.

    Parameters
    ----------
    row_key : uint32
        See `fastmf.kernels.networks.dropout.drop`, whose numbers these are.
    column : int
        The first.
    threshold : uint32
    """
    signature = types.uint16(types.uint32, types.intp, types.uint32)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def constant(value: int) -> Any:
            return ir.Constant(_WORDS, [value] * WIDTH)

        def scrambled(word: Any, bits: int) -> Any:
            return builder.xor(word, builder.lshr(word, constant(bits)))

        golden, number = ir.Constant(ir.IntType(32), _GOLDEN), ir.IntType(32)
        start = builder.add(args[0], builder.mul(builder.trunc(args[1], number), golden))
        steps = ir.Constant(_WORDS, [lane * _GOLDEN % 2**32 for lane in range(WIDTH)])
        word = builder.add(_spread(builder, start), steps)
        word = builder.mul(scrambled(word, 16), constant(int(MIX_1)))
        word = builder.mul(scrambled(word, 13), constant(int(MIX_2)))
        kept = builder.icmp_unsigned(">=", scrambled(word, 16), _spread(builder, args[2]))
        return builder.bitcast(kept, _BITS)

    return signature, generate

"""Sixteen float32 lanes as a Numba type: the words every hot kernel is written in.

LLVM vectorises array loops only where it can prove that they are safe, and never keeps a row in
registers across a loop; an explicit vector value stays there. `Lanes` is LLVM's generic
``<16 x float>``: one AVX-512 register, two AVX2 ones or four NEON ones, so a kernel written with
it is portable and runs at the speed of the machine's vector unit.

All functions here are Numba intrinsics, for `@njit` code. None checks bounds: the caller promises
that ``array[offset : offset + 16]`` exists. Reductions add in one order on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

__all__ = [
    "WIDTH",
    "broadcast",
    "first_of_quarter",
    "load",
    "load_quarters",
    "maximum",
    "multiply",
    "multiply_add",
    "negative_multiply_add",
    "prefetch",
    "quarters",
    "sign",
    "spread_quarter",
    "store",
    "subtract",
    "sum_four",
    "sum_lanes",
    "zeros",
]

WIDTH = 16

_FLOAT = ir.FloatType()
VECTOR = ir.VectorType(_FLOAT, WIDTH)
_INDEX = ir.IntType(32)


class LanesType(types.Type):
    """The Numba type of sixteen float32 lanes."""

    def __init__(self) -> None:
        super().__init__(name="float32x16")


lanes = LanesType()


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """Lanes live in a vector register, not in memory."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def _shuffle(builder: Any, left: Any, right: Any, order: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INDEX, len(order)), order)
    return builder.shuffle_vector(left, right, mask)


def splat(builder: Any, scalar: Any) -> Any:
    empty = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(_INDEX, 0))
    return _shuffle(builder, first, empty, [0] * WIDTH)


def address(context: Any, builder: Any, array_type: Any, array: Any, offset: Any) -> Any:
    """Return a pointer to sixteen floats at element `offset` of a one-dimensional array."""
    data = context.make_array(array_type)(context, builder, array).data
    element = builder.gep(data, [offset], inbounds=True)
    return builder.bitcast(element, VECTOR.as_pointer())


def is_float32_row(array: Any) -> bool:
    return isinstance(array, types.Array) and array.dtype == types.float32 and array.ndim == 1


@intrinsic
def load(typing_context: Any, array: Any, offset: Any) -> Any:
    """Return ``array[offset : offset + 16]`` of a one-dimensional float32 array."""
    if not is_float32_row(array):
        return None
    signature = lanes(array, types.intp)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = address(context, builder, sig.args[0], args[0], args[1])
        value = builder.load(pointer)
        value.align = 4
        return value

    return signature, generate


@intrinsic
def store(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write sixteen lanes to ``array[offset : offset + 16]``."""
    if not is_float32_row(array) or value != lanes:
        return None
    signature = types.void(array, types.intp, lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = address(context, builder, sig.args[0], args[0], args[1])
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return signature, generate


def prefetching(array: Any, *, write: int, locality: int) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, _INDEX, _INDEX, _INDEX])
        hint = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        place = builder.bitcast(address(context, builder, sig.args[0], *args), byte)
        builder.call(hint, [place, _INDEX(write), _INDEX(locality), _INDEX(1)])  # of data
        return context.get_dummy_value()

    return (types.void(array, types.intp), generate) if is_float32_row(array) else None


@intrinsic
def prefetch(typing_context: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line of ``array[offset]`` ahead of its use; changes nothing."""
    return prefetching(array, write=1, locality=3)


@intrinsic
def zeros(typing_context: Any) -> Any:
    """Return sixteen zeros."""
    return lanes(), lambda context, builder, sig, args: ir.Constant(VECTOR, [0.0] * WIDTH)


@intrinsic
def broadcast(typing_context: Any, scalar: Any) -> Any:
    """Return sixteen copies of a float32."""
    signature = lanes(types.float32)
    return signature, lambda context, builder, sig, args: splat(builder, args[0])


def elementwise(name: str, operation: Callable[[Any, Any, Any], Any], formula: str) -> Any:
    def typer(typing_context: Any, left: Any, right: Any) -> Any:
        signature = lanes(lanes, lanes)
        return signature, lambda context, builder, sig, args: operation(builder, *args)

    typer.__name__ = name
    typer.__doc__ = f"Return ``{formula}`` lane by lane."
    return intrinsic(typer)


subtract = elementwise("subtract", lambda builder, a, b: builder.fsub(a, b), "left - right")
multiply = elementwise("multiply", lambda builder, a, b: builder.fmul(a, b), "left * right")


def fused(builder: Any, left: Any, right: Any, addend: Any) -> Any:
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.fmuladd.v16f32")
    return builder.call(function, [left, right, addend])


@intrinsic
def multiply_add(typing_context: Any, left: Any, right: Any, addend: Any) -> Any:
    """Return ``left * right + addend``, fused where the machine can."""
    signature = lanes(lanes, lanes, lanes)
    return signature, lambda context, builder, sig, args: fused(builder, *args)


@intrinsic
def negative_multiply_add(typing_context: Any, left: Any, right: Any, addend: Any) -> Any:
    """Return ``addend - left * right``, fused where the machine can."""
    signature = lanes(lanes, lanes, lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return fused(builder, builder.fneg(args[0]), args[1], args[2])

    return signature, generate


@intrinsic
def maximum(typing_context: Any, value: Any, floor: Any) -> Any:
    """Return the larger of `value` and `floor` lane by lane; NaN where `value` is NaN."""
    signature = lanes(lanes, lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # Not LLVM's maxnum, which drops NaN.
        below = builder.fcmp_ordered("<", args[0], args[1])
        return builder.select(below, args[1], args[0])

    return signature, generate


@intrinsic
def sign(typing_context: Any, value: Any) -> Any:
    """Return 1, 0 or -1 lane by lane, the sign of `value`; NaN where it is NaN."""
    signature = lanes(lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero, one, minus_one = (ir.Constant(VECTOR, [x] * WIDTH) for x in (0.0, 1.0, -1.0))
        below = builder.fcmp_ordered("<", args[0], zero)
        above = builder.fcmp_ordered(">", args[0], zero)
        return builder.select(above, one, builder.select(below, minus_one, args[0]))

    return signature, generate


def _fold(builder: Any, value: Any, width: int) -> Any:
    """Add the upper half of a vector to its lower half until one lane is left."""
    while width > 1:
        width //= 2
        low = _shuffle(builder, value, value, list(range(width)))
        high = _shuffle(builder, value, value, list(range(width, 2 * width)))
        value = builder.fadd(low, high)
    return builder.extract_element(value, ir.Constant(_INDEX, 0))


@intrinsic
def sum_lanes(typing_context: Any, value: Any) -> Any:
    """Return the sum of the sixteen lanes as a float32, added pairwise."""
    signature = types.float32(lanes)
    return signature, lambda context, builder, sig, args: _fold(builder, args[0], WIDTH)


def halve_pair(builder: Any, left: Any, right: Any, width: int) -> Any:
    """Fold groups of `width` lanes of two vectors into groups of half the width, side by side."""
    half = width // 2
    starts = list(range(0, WIDTH, width))
    low = [s + i for s in starts for i in range(half)]
    high = [s + half + i for s in starts for i in range(half)]
    lower = _shuffle(builder, left, right, low + [WIDTH + i for i in low])
    upper = _shuffle(builder, left, right, high + [WIDTH + i for i in high])
    return builder.fadd(lower, upper)


@intrinsic
def sum_four(typing_context: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """Return the sums of four vectors, one in all lanes of each quarter.

    Transposed, so it takes half the work of four sums. Each adds in the order of `sum_lanes`.
    """
    signature = lanes(lanes, lanes, lanes, lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        eights_low = halve_pair(builder, args[0], args[1], 16)
        eights_high = halve_pair(builder, args[2], args[3], 16)
        sums = halve_pair(builder, eights_low, eights_high, 8)
        for step in (2, 1):
            swapped = _shuffle(builder, sums, sums, [i ^ step for i in range(WIDTH)])
            sums = builder.fadd(sums, swapped)
        return sums

    return signature, generate


@intrinsic
def load_quarters(
    typing_context: Any, array: Any, first: Any, second: Any, third: Any, fourth: Any
) -> Any:
    """Return four floats from each of four offsets of a one-dimensional float32 array."""
    if not is_float32_row(array):
        return None
    signature = lanes(array, *[types.intp] * 4)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        quarter = ir.VectorType(_FLOAT, 4)
        parts = []
        for offset in args[1:]:
            element = builder.gep(data, [offset], inbounds=True)
            part = builder.load(builder.bitcast(element, quarter.as_pointer()))
            part.align = 4
            parts.append(part)
        low = _shuffle(builder, parts[0], parts[1], list(range(8)))
        high = _shuffle(builder, parts[2], parts[3], list(range(8)))
        return _shuffle(builder, low, high, list(range(WIDTH)))

    return signature, generate


@intrinsic
def quarters(typing_context: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """Return four float32, one in all lanes of each quarter."""
    signature = lanes(*[types.float32] * 4)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = ir.Constant(VECTOR, ir.Undefined)
        for lane, scalar in enumerate(args):
            value = builder.insert_element(value, scalar, ir.Constant(_INDEX, lane))
        return _shuffle(builder, value, value, [lane // 4 for lane in range(WIDTH)])

    return signature, generate


@intrinsic(prefer_literal=True)
def spread_quarter(typing_context: Any, value: Any, number: Any) -> Any:
    """Return the first lane of quarter `number`, a literal 0 to 3, in all lanes.

    For vectors whose quarters are each of one value, as `sum_four` and `quarters` make them.
    """
    if not isinstance(number, types.IntegerLiteral):
        return None
    first = 4 * number.literal_value
    signature = lanes(lanes, number)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # Moves whole quarters, which is one instruction where a lane would take two.
        order = [first + lane % 4 for lane in range(WIDTH)]
        return _shuffle(builder, args[0], args[0], order)

    return signature, generate


@intrinsic(prefer_literal=True)
def first_of_quarter(typing_context: Any, value: Any, number: Any) -> Any:
    """Return the first lane of quarter `number`, a literal 0 to 3, as a float32."""
    if not isinstance(number, types.IntegerLiteral):
        return None
    lane = ir.Constant(_INDEX, 4 * number.literal_value)
    signature = types.float32(lanes, number)
    return signature, lambda context, builder, sig, args: builder.extract_element(args[0], lane)

"""Steps of a Cholesky factorization on sixteen rows at a time, each in a vector register.

The sixteen rows of a block are sixteen registers, so a step from one pivot to the next waits for
arithmetic alone, not for memory. As in `fastmf.kernels.alternating.register_blocks` the code is
emitted with one value a register: loops over an array of them would go through memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastmf.kernels.vectors import VECTOR, WIDTH, address, fused, is_float32_row, splat

__all__ = ["factor_triangle", "solve_columns", "solve_upwards"]

_SIZE = ir.IntType(64)
_LANE = ir.IntType(32)
_ONE = ir.Constant(ir.FloatType(), 1.0)
_ZEROS = ir.Constant(VECTOR, [0.0] * WIDTH)


class _Rows:
    """Emits code on sixteen rows of a matrix."""

    def __init__(self, context: Any, builder: Any, kind: Any, matrix: Any, at: Any, stride: Any):
        self.context, self.builder = context, builder
        starts = [builder.add(at, builder.mul(stride, _SIZE(i))) for i in range(WIDTH)]
        self.pointers = [address(context, builder, kind, matrix, start) for start in starts]

    def load(self) -> list[Any]:
        """Emit the loads of all rows."""
        values = [self.builder.load(pointer) for pointer in self.pointers]
        for value in values:
            value.align = 4
        return values

    def store(self, values: list[Any]) -> None:
        """Emit the stores of all rows."""
        for value, pointer in zip(values, self.pointers, strict=True):
            self.builder.store(value, pointer, align=4)

    def element(self, row: int, column: int) -> Any:
        """Emit the load of one element."""
        floats = self.builder.bitcast(self.pointers[row], ir.FloatType().as_pointer())
        return self.builder.load(self.builder.gep(floats, [_SIZE(column)], inbounds=True))


def _float_at(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [offset], inbounds=True)


def _spread(builder: Any, value: Any, lane: int) -> Any:
    order = ir.Constant(ir.VectorType(_LANE, WIDTH), [lane] * WIDTH)
    return builder.shuffle_vector(value, value, order)


def _chosen(lanes: Iterable[bool]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(1), WIDTH), list(lanes))


def _less(builder: Any, value: Any, left: Any, right: Any) -> Any:
    return fused(builder, builder.fneg(left), right, value)


@intrinsic(prefer_literal=True)
def factor_triangle(
    typing_context: Any,
    matrix: Any,
    at: Any,
    stride: Any,
    least: Any,
    inverses: Any,
    row: Any,
    pivots: Any,
) -> Any:
    """Replace sixteen rows and columns by their Cholesky factor; return whether there is one.

    Parameters
    ----------
    matrix : float32 array, modified in place
        The upper triangle of the block; what is below is overwritten.
    at : int
        Where the block begins.
    stride : int
        Floats from one row to the next.
    least : float32 array
        From element `row` on: what each pivot must be above.
    inverses : float32 array, modified in place
        From element `row` on: set to one over the diagonal of the factor.
    row : int
    pivots : int
        Literal. Rows below are only rid of those above.
    """
    if not all(is_float32_row(array) for array in (matrix, least, inverses)):
        return None
    if not isinstance(pivots, types.IntegerLiteral):
        return None
    count = pivots.literal_value
    size = types.intp
    signature = types.boolean(matrix, size, size, least, inverses, size, pivots)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        block = _Rows(context, builder, sig.args[0], args[0], args[1], args[2])
        number = ir.FloatType()
        root = builder.module.declare_intrinsic("llvm.sqrt", [number])
        kind = ir.FunctionType(number, [number] * 3)
        multiply_add = builder.module.declare_intrinsic("llvm.fmuladd", [number], kind)
        rows, good = block.load(), ir.Constant(ir.IntType(1), 1)
        pivot = builder.extract_element(rows[0], _LANE(0))
        for i in range(count):
            place = builder.add(args[5], _SIZE(i))
            bound = builder.load(_float_at(context, builder, sig.args[3], args[3], place))
            good = builder.and_(good, builder.fcmp_ordered(">", pivot, bound))  # false for NaN
            # Scaled by the pivot's root only afterwards: the next pivot need not wait for it.
            reciprocal = builder.fdiv(_ONE, pivot)
            inverse = builder.fdiv(_ONE, builder.call(root, [pivot]))
            if i + 1 < WIDTH:
                # The next pivot by itself, so that it waits for this division and for no vector.
                beside = builder.extract_element(rows[i], _LANE(i + 1))
                below = builder.extract_element(rows[i + 1], _LANE(i + 1))
                factor = builder.fneg(builder.fmul(beside, reciprocal))
                pivot = builder.call(multiply_add, [factor, beside, below])
            factors = builder.fmul(rows[i], splat(builder, reciprocal))
            for j in range(i + 1, WIDTH):
                rows[j] = _less(builder, rows[j], _spread(builder, factors, j), rows[i])
            rows[i] = builder.fmul(rows[i], splat(builder, inverse))
            builder.store(inverse, _float_at(context, builder, sig.args[4], args[4], place))
        block.store(rows)
        return good

    return signature, generate


@intrinsic
def solve_columns(
    typing_context: Any, matrix: Any, triangle: Any, at: Any, stride: Any, inverses: Any, row: Any
) -> Any:
    """Replace sixteen columns ``C`` beside a factored block ``U`` by the solution of ``U' X = C``.

    Parameters
    ----------
    matrix : float32 array, modified in place
    triangle, at : int
        Where the factored block begins, and the sixteen columns of the same rows.
    stride : int
    inverses : float32 array
        From element `row` on: one over the diagonal of `U`.
    row : int
    """
    if not (is_float32_row(matrix) and is_float32_row(inverses)):
        return None
    size = types.intp
    signature = types.void(matrix, size, size, size, inverses, size)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        factor = _Rows(context, builder, sig.args[0], args[0], args[1], args[3])
        block = _Rows(context, builder, sig.args[0], args[0], args[2], args[3])
        rows = block.load()
        for i in range(WIDTH):
            place = builder.add(args[5], _SIZE(i))
            inverse = builder.load(_float_at(context, builder, sig.args[4], args[4], place))
            rows[i] = builder.fmul(rows[i], splat(builder, inverse))
            for j in range(i + 1, WIDTH):
                element = splat(builder, factor.element(i, j))
                rows[j] = _less(builder, rows[j], element, rows[i])
        block.store(rows)
        return context.get_dummy_value()

    return signature, generate


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Emit the transposition of sixteen rows."""
    order = ir.VectorType(_LANE, WIDTH)
    for width in (8, 4, 2, 1):
        low = [i if not i & width else WIDTH + (i ^ width) for i in range(WIDTH)]
        high = [i + width if not i & width else WIDTH + i for i in range(WIDTH)]
        new = list(rows)
        for i in range(WIDTH):
            if not i & width:
                pair = rows[i], rows[i | width]
                new[i] = builder.shuffle_vector(*pair, ir.Constant(order, low))
                new[i | width] = builder.shuffle_vector(*pair, ir.Constant(order, high))
        rows = new
    return rows


@intrinsic
def solve_upwards(
    typing_context: Any, matrix: Any, at: Any, stride: Any, rights: Any, inverses: Any, row: Any
) -> Any:
    """Replace sixteen numbers ``y`` by the solution of ``U x = y`` for a factored block ``U``.

    Parameters
    ----------
    matrix : float32 array
    at : int
        Where the block begins.
    stride : int
    rights : float32 array, modified in place
    inverses : float32 array
        One over the diagonal of `U`.
    row : int
        Which elements of both are meant: sixteen from here.
    """
    if not all(is_float32_row(array) for array in (matrix, rights, inverses)):
        return None
    size = types.intp
    signature = types.void(matrix, size, size, rights, inverses, size)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        block = _Rows(context, builder, sig.args[0], args[0], args[1], args[2])
        pointer = address(context, builder, sig.args[3], args[3], args[5])
        value = builder.load(pointer)
        scale = builder.load(address(context, builder, sig.args[4], args[4], args[5]))
        value.align = scale.align = 4
        # Columns times one over the diagonal, and nothing from there down: a step then waits for
        # one product, and leaves what is found alone.
        rows = [builder.fmul(row, scale) for row in block.load()]
        above = [
            builder.select(_chosen(lane > i for lane in range(WIDTH)), row, _ZEROS)
            for i, row in enumerate(rows)
        ]
        columns = _transposed(builder, above)
        for i in reversed(range(1, WIDTH)):
            value = _less(builder, value, _spread(builder, value, i), columns[i])
        builder.store(builder.fmul(value, scale), pointer, align=4)
        return context.get_dummy_value()

    return signature, generate

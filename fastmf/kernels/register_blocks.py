"""Sums of outer products, a block of the matrix at a time held in vector registers.

This is the inner loop of every dense step of alternating least squares: both the normal equations
(a sum over ratings) and the trailing update of their Cholesky factorization (a sum over pivots)
add ``sum_t rows[t, i] * rows[t, j]`` to a matrix, of which only ``j >= i`` is of use. A block of
up to 8 rows by 48 columns stays in 24 registers while all rows `t` pass by, so a product costs
one fused multiply-add and less than half a load.

`add_products` is emitted as LLVM code with one value a register, because a loop over an array of
accumulators, or 24 variables by name, would be left in memory or be written out by hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import VECTOR, WIDTH, address, fused, is_float32_row, splat

__all__ = ["Ahead", "add_products", "update_panel", "update_triangle"]

_SIZE = ir.IntType(64)
_ZEROS = ir.Constant(VECTOR, [0.0] * WIDTH)


def _constant(value: int) -> Any:
    return ir.Constant(_SIZE, value)


@intrinsic(prefer_literal=True)
def add_products(
    typing_context: Any,
    matrix: Any,
    to: Any,
    rows: Any,
    left: Any,
    right: Any,
    n: Any,
    stride: Any,
    sign: Any,
    ahead: Any,
    height: Any,
    vectors: Any,
) -> Any:
    """Add ``sign`` times a sum of outer products to a block of a matrix.

    For ``i < height`` and ``j < 16 * vectors``, both literals::

        matrix[to + i * stride + j] += sign * sum(rows[left + t * stride + i]
                                                  * rows[right + t * stride + j] for t < n)

    Parameters
    ----------
    matrix : float32 array, modified in place
    to : int
        Where the block begins.
    rows : float32 array
        May be the matrix itself, as long as the block is not among what is read.
    left, right : int
        Where the factors of the block's rows and columns begin in the first of `rows`.
    n : int
        Rows to add up, in order.
    stride : int
        Floats from one row to the next, of `rows` and of `matrix`.
    sign : float32
    ahead : Ahead or None
        What to ask memory for meanwhile, one line for each of `rows`.
    height, vectors : int
        Literals; their product should not pass 24.
    """
    if not (is_float32_row(matrix) and is_float32_row(rows)):
        return None
    if not all(isinstance(size, types.IntegerLiteral) for size in (height, vectors)):
        return None
    shape = height.literal_value, vectors.literal_value
    size = types.intp
    signature = types.void(
        matrix, size, rows, size, size, size, size, types.float32, ahead, height, vectors
    )

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        block = _Block(context, builder, sig, args, shape)
        block.add_to_matrix(block.sum())
        return context.get_dummy_value()

    return signature, generate


class _Block:
    """Emits the code of `add_products`."""

    def __init__(self, context: Any, builder: Any, sig: Any, args: Any, shape: Any) -> None:
        self.context, self.builder = context, builder
        self.matrix_type, self.rows_type = sig.args[0], sig.args[2]
        self.matrix, self.to, self.rows, self.left, self.right, self.n, self.stride = args[:7]
        self.sign = args[7]
        self.ahead_type, self.ahead = sig.args[8], args[8]
        self.height, self.vectors = shape

    def _vectors_at(self, kind: Any, array: Any, offset: Any) -> list[Any]:
        starts = [
            self.builder.add(offset, _constant(WIDTH * number)) for number in range(self.vectors)
        ]
        return [address(self.context, self.builder, kind, array, at) for at in starts]

    def _load(self, pointer: Any) -> Any:
        value = self.builder.load(pointer)
        value.align = 4
        return value

    def sum(self) -> list[list[Any]]:
        """Emit the loop over rows; return the sums, by row and vector of the block."""
        builder = self.builder
        before = builder.block
        loop, done = builder.append_basic_block("rows"), builder.append_basic_block("summed")
        builder.cbranch(builder.icmp_signed(">", self.n, _constant(0)), loop, done)
        builder.position_at_end(loop)
        row, offset = builder.phi(_SIZE), builder.phi(_SIZE)
        cells = [(i, j) for i in range(self.height) for j in range(self.vectors)]
        sums = {cell: builder.phi(VECTOR) for cell in cells}
        columns = [
            self._load(pointer)
            for pointer in self._vectors_at(
                self.rows_type, self.rows, builder.add(offset, self.right)
            )
        ]
        data = self.context.make_array(self.rows_type)(self.context, builder, self.rows).data
        first = builder.gep(data, [builder.add(offset, self.left)], inbounds=True)
        new = {}
        for i in range(self.height):
            factor = builder.load(builder.gep(first, [_constant(i)], inbounds=True))
            for j, column in enumerate(columns):
                new[i, j] = fused(builder, splat(builder, factor), column, sums[i, j])
        if self.ahead_type != types.none:
            self._ask_ahead(row)
        next_row = builder.add(row, _constant(1))
        next_offset = builder.add(offset, self.stride)
        for value, start, following in (
            (row, _constant(0), next_row),
            (offset, _constant(0), next_offset),
            *((sums[cell], _ZEROS, new[cell]) for cell in cells),
        ):
            value.add_incoming(start, before)
            value.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", next_row, self.n), loop, done)
        builder.position_at_end(done)
        totals = {cell: builder.phi(VECTOR) for cell in cells}
        for cell, total in totals.items():
            total.add_incoming(_ZEROS, before)
            total.add_incoming(new[cell], loop)
        return [[totals[i, j] for j in range(self.vectors)] for i in range(self.height)]

    def _ask_ahead(self, row: Any) -> None:
        """Emit the prefetch of one line, to read, into the second-level cache."""
        builder = self.builder
        rows, places, line = cgutils.unpack_tuple(builder, self.ahead, 3)
        rows_type, places_type = self.ahead_type.types[:2]
        starts = self.context.make_array(places_type)(self.context, builder, places).data
        start = builder.load(builder.gep(starts, [row], inbounds=True))
        at = builder.add(start, line)
        place = address(self.context, builder, rows_type, rows, at)
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        hint = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(hint, [builder.bitcast(place, byte), flag(0), flag(2), flag(1)])

    def add_to_matrix(self, sums: list[list[Any]]) -> None:
        """Emit ``matrix += sign * sums``."""
        builder = self.builder
        sign = splat(builder, self.sign)
        for i, of_row in enumerate(sums):
            at = builder.add(self.to, builder.mul(self.stride, _constant(i)))
            pointers = self._vectors_at(self.matrix_type, self.matrix, at)
            for pointer, total in zip(pointers, of_row, strict=True):
                value = fused(builder, sign, total, self._load(pointer))
                builder.store(value, pointer, align=4)


class Ahead(NamedTuple):
    """Rows that are needed next: their lines are asked for while products are added."""

    rows: NDArray[np.float32]  # where they are
    places: NDArray[np.int64]  # where each begins
    line: int  # float of a row whose cache line is asked for


def _panel_updater(asking: bool) -> Any:
    """Return the body of `update_panel`, with or without asking ahead."""

    @njit
    def update(matrix, rows, start, n, stride, first, last, sign, other, places, line):
        column = first // WIDTH * WIDTH
        while column < stride:
            left = (stride - column) // WIDTH
            # Three vectors at a time, but never one alone beside others.
            wide = 1 if left == 1 else (2 if left in (2, 4) else 3)
            i, b = first, start + column
            while i < last:
                to, a = i * stride + column, start + i
                ahead = Ahead(other, places, min(line, stride - WIDTH)) if asking else None
                line += WIDTH
                # Each shape is compiled for itself, and here: calls would cost a tenth.
                if wide == 1 and last - i >= 16:
                    add_products(matrix, to, rows, a, b, n, stride, sign, ahead, 16, 1)
                    i += 16
                elif last - i >= 8:
                    if wide == 3:
                        add_products(matrix, to, rows, a, b, n, stride, sign, ahead, 8, 3)
                    elif wide == 2:
                        add_products(matrix, to, rows, a, b, n, stride, sign, ahead, 8, 2)
                    else:
                        add_products(matrix, to, rows, a, b, n, stride, sign, ahead, 8, 1)
                    i += 8
                else:
                    if wide == 3:
                        add_products(matrix, to, rows, a, b, n, stride, sign, ahead, 4, 3)
                    elif wide == 2:
                        add_products(matrix, to, rows, a, b, n, stride, sign, ahead, 4, 2)
                    else:
                        add_products(matrix, to, rows, a, b, n, stride, sign, ahead, 4, 1)
                    i += 4
            column += WIDTH * wide
        return line

    return update


_update, _update_asking = _panel_updater(False), _panel_updater(True)


@kernel
def update_panel(matrix, rows, start, n, stride, first, last, sign):
    """Add ``sign * sum(outer products)`` to some rows of the upper triangle of a matrix.

    ``matrix[i, j] += sign * sum(rows[t, i] * rows[t, j] for t < n)`` for ``first <= i < last`` and
    all ``j`` from the multiple of sixteen at or below `first`.

    Parameters
    ----------
    matrix : (stride * stride,) float32, modified in place
    rows : float32
        Row `t` begins at ``start + t * stride``. May be `matrix`, if these rows are others.
    start, n, stride : int
        A stride is a multiple of sixteen.
    first, last : int
        Within one group of sixteen; their distance is a multiple of four.
    sign : float32

    Notes
    -----
    Free of races as long as no other thread writes to the same matrix or to `rows`.
    """
    _update(matrix, rows, start, n, stride, first, last, sign, None, None, 0)


@kernel
def update_triangle(matrix, tile, n, stride, first, other, places):
    """Add the outer products of a tile to the upper triangle of a matrix; see `update_panel`.

    Parameters
    ----------
    matrix : (stride * stride,) float32, modified in place
    tile : (n * stride,) float32
    n, stride : int
    first : int
        Multiple of four; earlier rows and columns of the matrix stay as they are, but for those
        of the same sixteen.
    other : float32
        Rows that are needed next, and are asked for meanwhile.
    places : (n,) int64
        Where each of them begins.

    Notes
    -----
    Free of races as long as no other thread writes to the same matrix or to `tile`.
    """
    # Gathering rows of the other side waits for what is past the second-level cache, a few lines
    # at a time. Asked for one by one beside the products they cost half of that: an item's step
    # takes a tenth less time at 50 to 100 factors, a user's (whose items are nearer) no more.
    # Into the second level, as the first is full of the tile and the matrix; to read, as other
    # threads read the same rows. Whole tiles at once, between the products, wait as before.
    line = np.int64(0)
    for panel in range(first // WIDTH * WIDTH, stride, WIDTH):
        low = max(panel, first)
        last = panel + WIDTH
        sign = np.float32(1)
        line = _update_asking(
            matrix, tile, np.int64(0), n, stride, low, last, sign, other, places, line
        )

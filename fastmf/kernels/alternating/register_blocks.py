"""Sums of outer products, a block of the matrix at a time held in vector registers.

This is the inner loop of every dense step of alternating least squares: both the normal equations
(a sum over ratings) and the trailing update of their Cholesky factorization (a sum over pivots)
add ``sum_t rows[t, i] * rows[t, j]`` to a matrix, of which only ``j >= i`` is of use. A block of
8 rows by 48 columns stays in 24 registers while all rows `t` pass by, so a product costs one fused
multiply-add and less than half a load. Where the triangle leaves less than that, two smaller
blocks pass together (`fastmf.kernels.alternating.triangle_blocks`): each pass costs the same time
once more, to begin, to end, and to add its sums to the matrix.

The sums are emitted as LLVM code with one value a register, because a loop over an array of
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

from fastmf.kernels.alternating.triangle_blocks import (
    EIGHT_BY_THREE,
    EIGHT_BY_TWO,
    SHAPES,
    SIXTEEN_BY_ONE,
)
from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import VECTOR, WIDTH, address, fused, is_float32_row, splat

__all__ = ["Ahead", "add_tile_to_triangle", "add_to_triangle", "block_adder", "update_panel"]

_SIZE = ir.IntType(64)
_ZEROS = ir.Constant(VECTOR, [0.0] * WIDTH)

Shape = tuple[tuple[int, int], ...]


def _constant(value: int) -> Any:
    return ir.Constant(_SIZE, value)


def block_adder(shapes: tuple[Shape, ...]) -> Any:
    """Return an intrinsic that adds a sum of outer products to a block of one of some shapes.

    Parameters
    ----------
    shapes : tuple of shapes
        A shape is the height of a part, in rows, and its width, in vectors; or those of two
        parts. Heights times widths should not pass 24, or the sums are not all in registers.

    Returns
    -------
    intrinsic
        See `add_block` inside.
    """

    @intrinsic
    def add_block(
        typing_context: Any,
        matrix: Any,
        rows: Any,
        start: Any,
        n: Any,
        stride: Any,
        sign: Any,
        shape: Any,
        cells: Any,
        ahead: Any,
    ) -> Any:
        """Add ``sign`` times a sum of outer products to the parts of a block of a matrix.

        For each part's first row ``i`` and column ``j``, over its height and width::

            matrix[i, j] += sign * sum(rows[start + t * stride + i]
                                       * rows[start + t * stride + j] for t < n)

        Parameters
        ----------
        matrix : (stride * stride,) float32, modified in place
        rows : float32 array
            May be the matrix itself, as long as the block is not among what is read.
        start : int
            Where the first of `rows` begins.
        n : int
            Rows to add up, in order; at least 1.
        stride : int
            Floats from one row to the next, of `rows` and of `matrix`.
        sign : float32
        shape : int
            Number of one of the `shapes`; of no other.
        cells : (row, column, row, column)
            Where the parts begin; the second is without effect where there is one.
        ahead : Ahead or None
            What to ask memory for meanwhile, one line for each of `rows`.
        """
        if not (is_float32_row(matrix) and is_float32_row(rows)):
            return None
        size = types.intp
        four = types.UniTuple(size, 4)
        signature = types.void(matrix, rows, size, size, size, types.float32, size, four, ahead)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            done = builder.append_basic_block("added")
            switch = builder.switch(args[6], done)
            for number, parts in enumerate(shapes):
                of_shape = builder.append_basic_block(f"shape{number}")
                switch.add_case(_constant(number), of_shape)
                builder.position_at_end(of_shape)
                block = _Block(context, builder, sig, args, parts)
                block.add_to_matrix(block.sum())
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, generate

    return add_block


class _Block:
    """Emits the sums of one shape."""

    def __init__(self, context: Any, builder: Any, sig: Any, args: Any, parts: Shape) -> None:
        self.context, self.builder, self.parts = context, builder, parts
        self.matrix_type, self.rows_type, self.ahead_type = sig.args[0], sig.args[1], sig.args[8]
        self.matrix, self.rows, self.start, self.n, self.stride, self.sign = args[:6]
        places = cgutils.unpack_tuple(builder, args[7], 4)
        self.places = [tuple(places[2 * number :][:2]) for number in range(len(parts))]
        self.ahead = args[8]
        self.cells = [
            (number, i, j)
            for number, (height, vectors) in enumerate(parts)
            for i in range(height)
            for j in range(vectors)
        ]

    def _load(self, kind: Any, array: Any, offset: Any) -> Any:
        value = self.builder.load(address(self.context, self.builder, kind, array, offset))
        value.align = 4
        return value

    def sum(self) -> dict[tuple[int, int, int], Any]:
        """Emit the loop over rows; return the sums, by part, row and vector."""
        builder = self.builder
        before, loop = builder.block, builder.append_basic_block("rows")
        done = builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        row, offset = builder.phi(_SIZE), builder.phi(_SIZE)
        sums = {cell: builder.phi(VECTOR) for cell in self.cells}
        new = self._with_row(offset, sums)
        if self.ahead_type != types.none:
            self._ask_ahead(row)
        next_row = builder.add(row, _constant(1))
        for value, first, following in (
            (row, _constant(0), next_row),
            (offset, self.start, builder.add(offset, self.stride)),
            *((sums[cell], _ZEROS, new[cell]) for cell in self.cells),
        ):
            value.add_incoming(first, before)
            value.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", next_row, self.n), loop, done)
        builder.position_at_end(done)
        return new

    def _with_row(self, offset: Any, sums: dict[tuple[int, int, int], Any]) -> dict[Any, Any]:
        """Emit the products of one row, added to the sums."""
        builder, new = self.builder, {}
        data = self.context.make_array(self.rows_type)(self.context, builder, self.rows).data
        for number, (height, vectors) in enumerate(self.parts):
            first, column = (builder.add(offset, place) for place in self.places[number])
            right = [
                self._load(self.rows_type, self.rows, builder.add(column, _constant(WIDTH * j)))
                for j in range(vectors)
            ]
            left = builder.gep(data, [first], inbounds=True)
            for i in range(height):
                factor = builder.load(builder.gep(left, [_constant(i)], inbounds=True))
                for j in range(vectors):
                    cell = number, i, j
                    new[cell] = fused(builder, splat(builder, factor), right[j], sums[cell])
        return new

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

    def add_to_matrix(self, sums: dict[tuple[int, int, int], Any]) -> None:
        """Emit ``matrix += sign * sums``."""
        builder = self.builder
        sign = splat(builder, self.sign)
        for cell, total in sums.items():
            number, i, j = cell
            row, column = self.places[number]
            at = builder.mul(self.stride, builder.add(row, _constant(i)))
            at = builder.add(at, builder.add(column, _constant(WIDTH * j)))
            value = fused(builder, sign, total, self._load(self.matrix_type, self.matrix, at))
            pointer = address(self.context, builder, self.matrix_type, self.matrix, at)
            builder.store(value, pointer, align=4)


class Ahead(NamedTuple):
    """Rows that are needed next: their lines are asked for while products are added."""

    rows: NDArray[np.float32]  # where they are
    places: NDArray[np.int64]  # where each begins
    line: int  # float of a row whose cache line is asked for


_add_block = block_adder(SHAPES)
_add_panel_block = block_adder(SHAPES[:3])


@kernel
def update_panel(matrix, rows, start, n, stride, panel, sign):
    """Add ``sign * sum(outer products)`` to sixteen rows of the upper triangle of a matrix.

    ``matrix[i, j] += sign * sum(rows[t, i] * rows[t, j] for t < n)`` for sixteen rows from `panel`
    on and all columns from there.

    Parameters
    ----------
    matrix : (stride * stride,) float32, modified in place
    rows : float32
        Row `t` begins at ``start + t * stride``. May be `matrix`, if these rows are others.
    start, n, stride : int
        `n` is 1 at least; a stride is a multiple of sixteen.
    panel : int
        Multiple of sixteen.
    sign : float32

    Notes
    -----
    Free of races as long as no other thread writes to the same matrix or to `rows`.
    """
    column = panel
    while column < stride:
        wide = min((stride - column) // WIDTH, 3)
        shape, high = (
            (SIXTEEN_BY_ONE, 16)
            if wide == 1
            else (EIGHT_BY_THREE if wide == 3 else EIGHT_BY_TWO, 8)
        )
        for row in range(panel, panel + WIDTH, high):
            cells = row, column, row + 8, column
            _add_panel_block(matrix, rows, start, n, stride, sign, shape, cells, None)
        column += WIDTH * wide


def _triangle_updater(asking: bool) -> Any:
    """Return the body of `add_to_triangle`, with or without asking ahead."""

    @njit
    def update(matrix, tile, start, n, stride, blocks, other, places):
        for number in range(len(blocks)):
            line = number * (stride // WIDTH) // len(blocks) * WIDTH
            ahead = Ahead(other, places, line) if asking else None
            shape, row, column = blocks[number, 0], blocks[number, 1], blocks[number, 2]
            cells = row, column, blocks[number, 3], blocks[number, 4]
            _add_block(matrix, tile, start, n, stride, np.float32(1), shape, cells, ahead)

    return update


_update, _update_asking = _triangle_updater(False), _triangle_updater(True)


@kernel
def add_to_triangle(matrix, rows, start, n, stride, blocks):
    """Add the outer products of some rows to the upper triangle of a matrix.

    Parameters
    ----------
    matrix : (stride * stride,) float32, modified in place
        Below the diagonal it may change within sixteen rows and columns.
    rows : float32
        Row `t` begins at ``start + t * stride``.
    start, n, stride : int
        `n` is 1 at least.
    blocks : (n_blocks, 5) int64
        See `fastmf.kernels.alternating.triangle_blocks`.

    Notes
    -----
    Free of races as long as no other thread writes to the same matrix or to `rows`.
    """
    _update(matrix, rows, start, n, stride, blocks, None, None)


@kernel
def add_tile_to_triangle(matrix, tile, n, stride, blocks, other, places):
    """Add the outer products of a tile to the upper triangle of a matrix; see `add_to_triangle`.

    Parameters
    ----------
    matrix : (stride * stride,) float32, modified in place
    tile : (n * stride,) float32
    n, stride, blocks
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
    _update_asking(matrix, tile, np.int64(0), n, stride, blocks, other, places)

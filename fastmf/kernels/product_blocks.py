"""Blocks of a matrix product whose sums stay in vector registers.

A block of 6 rows by 64 columns stays in 24 registers of 512 bits while the terms of its sums pass
by, so a product costs one fused multiply-add and less than half a load. With shorter registers,
the vectors of a block pass one after another: six rows by sixteen columns then are twelve registers
of 256 bits. The order of a sum is the same.

The sums are emitted as LLVM code with one value a register, as in
`fastmf.kernels.alternating.register_blocks`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastmf.kernels.vectors import VECTOR, WIDTH, address, fused, is_float32_row, splat

__all__ = ["HEIGHTS", "PANEL", "SHAPES", "multiply_block"]

PANEL = 64
"""Columns of a panel: four vectors."""

HEIGHTS = 6, 2, 1
SHAPES = tuple((height, vectors) for height in HEIGHTS for vectors in (1, 2, 3, 4))
"""Rows and vectors of a block."""

_SIZE = ir.IntType(64)
_ZEROS = ir.Constant(VECTOR, [0.0] * WIDTH)


def _constant(value: int) -> Any:
    return ir.Constant(_SIZE, value)


@intrinsic
def multiply_block(
    typing_context: Any,
    left: Any,
    places: Any,
    packed: Any,
    start: Any,
    k: Any,
    out: Any,
    to: Any,
    stride: Any,
    lanes: Any,
    adds: Any,
    shape: Any,
) -> Any:
    """Set, or add to, a block of rows and vectors: ``left[i, t] * packed[t]`` over all t < k.

    Parameters
    ----------
    left : float32 array
    places : (first, from row to row, from column to column)
        Of the elements of `left`.
    packed : float32 array
        Rows of 64 from `start` on.
    k : int
        At least 1.
    out : float32 array
        Rows begin at ``to + i * stride``.
    lanes : int
        Of the last vector of each row that are written, 1 to 16.
    adds : bool
    shape : int
        Number of one of `SHAPES`; of no other.
    """
    if not all(map(is_float32_row, (left, packed, out))):
        return None
    size = types.intp
    three = types.UniTuple(size, 3)
    more = size, size, out, size, size, size, types.boolean, size
    signature = types.void(left, three, packed, *more)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        done = builder.append_basic_block("multiplied")
        switch = builder.switch(args[10], done)
        for number, (height, vectors) in enumerate(SHAPES):
            of_shape = builder.append_basic_block(f"shape{number}")
            switch.add_case(_constant(number), of_shape)
            builder.position_at_end(of_shape)
            together = vectors if _has_long_registers(context) else 1
            for first in range(0, vectors, together):
                block = _Block(context, builder, sig, args, height, range(first, first + together))
                block.write(block.sum(), is_last=first + together == vectors)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return signature, generate


def _has_long_registers(context: Any) -> bool:
    """Return whether 24 vectors have registers on the processor that is compiled for."""
    _, _, features = context.codegen().magic_tuple()
    return "+avx512f" in features.split(",")


class _Block:
    """Emits the sums of some vectors of a shape."""

    def __init__(
        self, context: Any, builder: Any, sig: Any, args: Any, height: int, vectors: range
    ) -> None:
        self.context, self.builder, self.sig, self.args = context, builder, sig, args
        self.height, self.vectors = height, vectors

    def _pointer(self, argument: int, offset: Any) -> Any:
        return address(
            self.context, self.builder, self.sig.args[argument], self.args[argument], offset
        )

    def sum(self) -> dict[tuple[int, int], Any]:
        """Emit the loop; return the sums, by row and vector."""
        builder = self.builder
        first, by_row, by_column = (builder.extract_value(self.args[1], n) for n in range(3))
        data = self.context.make_array(self.sig.args[0])(self.context, builder, self.args[0]).data
        rows, start = [], first
        for _ in range(self.height):
            rows.append(builder.gep(data, [start], inbounds=True))
            start = builder.add(start, by_row)
        cells = [(i, j) for i in range(self.height) for j in self.vectors]
        before, loop = builder.block, builder.append_basic_block("terms")
        done = builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        step, place, column = (builder.phi(_SIZE) for _ in range(3))
        sums = {cell: builder.phi(VECTOR) for cell in cells}
        right = {}
        for j in self.vectors:
            right[j] = builder.load(self._pointer(2, builder.add(place, _constant(WIDTH * j))))
            right[j].align = 4
        new = {}
        for i in range(self.height):
            factor = splat(builder, builder.load(builder.gep(rows[i], [column], inbounds=True)))
            for j in self.vectors:
                new[i, j] = fused(builder, factor, right[j], sums[i, j])
        following = builder.add(step, _constant(1))
        for value, begin, then in (
            (step, _constant(0), following),
            (place, self.args[3], builder.add(place, _constant(PANEL))),
            (column, _constant(0), builder.add(column, by_column)),
            *((sums[cell], _ZEROS, new[cell]) for cell in cells),
        ):
            value.add_incoming(begin, before)
            value.add_incoming(then, loop)
        builder.cbranch(builder.icmp_signed("<", following, self.args[4]), loop, done)
        builder.position_at_end(done)
        return new

    def write(self, sums: dict[tuple[int, int], Any], *, is_last: bool) -> None:
        """Emit ``out = sums`` or ``out += sums``."""
        builder = self.builder
        to, stride, lanes, adds = self.args[6:10]
        index = ir.VectorType(ir.IntType(32), WIDTH)
        empty = ir.Constant(index, ir.Undefined)
        count = builder.insert_element(
            empty, builder.trunc(lanes, ir.IntType(32)), ir.Constant(ir.IntType(32), 0)
        )
        count = builder.shuffle_vector(count, empty, ir.Constant(index, [0] * WIDTH))
        last = builder.icmp_unsigned("<", ir.Constant(index, list(range(WIDTH))), count)
        every = ir.Constant(last.type, [1] * WIDTH)
        pointer, flag = VECTOR.as_pointer(), ir.IntType(32)
        read, write = (
            cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.{name}.v16f32.p0")
            for name, kind in (
                ("load", ir.FunctionType(VECTOR, [pointer, flag, last.type, VECTOR])),
                ("store", ir.FunctionType(ir.VoidType(), [VECTOR, pointer, flag, last.type])),
            )
        )
        for (i, j), total in sums.items():
            at = builder.add(
                to, builder.add(builder.mul(stride, _constant(i)), _constant(WIDTH * j))
            )
            place = self._pointer(5, at)
            mask = last if is_last and j == self.vectors[-1] else every
            kept = builder.call(read, [place, flag(4), mask, _ZEROS])
            value = builder.fadd(total, builder.select(adds, kept, _ZEROS))
            builder.call(write, [value, place, flag(4), mask])

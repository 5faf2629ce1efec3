"""Products of a row's ratings with a vector: the inner loop of conjugate gradients.

Rows of the other side are read where they are, once for each product. Gathering them before takes
longer: those of a small row are in the second-level cache after the first product, and those of a
large one are in none, gathered or not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vector_roots import add
from fastmf.kernels.vectors import (
    VECTOR,
    WIDTH,
    broadcast,
    is_float32_row,
    lanes,
    load,
    multiply,
    multiply_add,
    prefetching,
    spread_quarter,
    store,
    subtract,
    sum_four,
    sum_lanes,
    zeros,
)

__all__ = ["add_products", "set_terms"]

# Ratings whose share of a sum is added in float32 before it goes to a float64; whole vectors.
_FLUSH = 1024

# From so many ratings on, rows are asked for so many ratings ahead: what more ratings are about has
# left the second-level cache when it is needed again. An item's half-step takes a fifth less time
# at 50 factors and a tenth less at 128; with 8 ahead, or into the second level only, it takes more
# at 128. A user's takes as long either way.
_FAR, _AHEAD = 2048, 16


@intrinsic
def _ask(typing_context: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line of ``array[offset]`` ahead of its use, to read."""
    return prefetching(array, write=0, locality=3)


@intrinsic
def _load_to_quarters(typing_context: Any, array: Any, offset: Any) -> Any:
    """Return four floats from an offset, each in all lanes of its quarter."""
    if not is_float32_row(array):
        return None
    signature = lanes(array, types.intp)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        four = ir.VectorType(ir.FloatType(), 4)
        place = builder.gep(data, [args[1]], inbounds=True)
        value = builder.load(builder.bitcast(place, four.as_pointer()))
        value.align = 4
        order = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [i // 4 for i in range(WIDTH)])
        spread = builder.shuffle_vector(value, value, order)
        assert spread.type == VECTOR
        return spread

    return signature, generate


@njit
def _sum(values, count):
    """Return the sum of some floats, which are followed by zeros up to a whole vector."""
    total = np.float64(0)
    for start in range(0, count, _FLUSH):
        sums = zeros()
        for number in range(start, min(start + _FLUSH, count), WIDTH):
            sums = add(sums, load(values, number))
        total += np.float64(sum_lanes(sums))
    return total


@kernel
def set_terms(ratings, begin, end, stride, alpha, places, weights, targets):
    """Set what `add_products` takes of some ratings; return the sum of their weights.

    In the notation of `fastmf.kernels.alternating.normal_equations`, weights are 1 and targets
    ratings for an explicit model; ``alpha v`` and ``1 + alpha v`` for an implicit one.

    Parameters
    ----------
    ratings : RatedRows
    begin, end : int
        Which of them; one at least.
    stride : int
    alpha : float32
        0 for an explicit model.
    places : int64, modified in place
        Set to where each rating's row of the other side begins.
    weights, targets : float32, modified in place
        Like `places`, set up to a multiple of sixteen: zeros, and any place.
    """
    count = end - begin
    for number in range(count):
        places[number] = np.int64(ratings.other_index[begin + number]) * stride
    if ratings.codes.size > 0:
        for number in range(count):
            targets[number] = ratings.levels[ratings.codes[begin + number]]
    else:
        for number in range(count):
            targets[number] = ratings.values[begin + number]
    if alpha > 0:
        for number in range(count):
            weight = alpha * targets[number]
            weights[number] = weight
            # A value of zero adds nothing: its confidence is that of no rating.
            targets[number] = np.float32(1) + weight if weight > 0 else np.float32(0)
    else:
        for number in range(count):
            weights[number] = np.float32(1)
    for number in range(count, (count + WIDTH - 1) // WIDTH * WIDTH):
        places[number] = places[0]
        weights[number] = targets[number] = np.float32(0)
    return _sum(weights, count)


@kernel(inline="always")
def add_products(other, places, weights, targets, count, stride, vector, part, out):
    """Add ``sum(e a)`` over some ratings, with ``e = w (a . vector) - part t``.

    Parameters
    ----------
    other : float32
        Rows ``a`` of the other side.
    places, weights, targets
        As `set_terms` leaves them: where each ``a`` begins, ``w`` and ``t``.
    count : int
        Ratings.
    stride : int
        Floats of a row; a constant where this is inlined, so that loops over a row unroll.
    vector : (stride,) float32
    part : float32
    out : (stride,) float32, modified in place

    Returns
    -------
    products, squares : float
        ``sum(a . vector (e - part t))`` and ``sum(e e)``.
    """
    factor = broadcast(part)
    total, squared = np.float64(0), np.float64(0)
    for start in range(0, count, _FLUSH):
        sums, squares = zeros(), zeros()
        for number in range(start, min(start + _FLUSH, count), 4):
            at = np.uint64(number)  # without a look at whether it counts from the end
            one, two = places[at], places[at + np.uint64(1)]
            three, four = places[at + np.uint64(2)], places[at + np.uint64(3)]
            if count > _FAR:
                later = np.uint64(min(number + _AHEAD, count - 4))
                for i in range(4):
                    soon = places[later + np.uint64(i)]
                    for lane in range(0, stride, WIDTH):
                        _ask(other, soon + lane)
            dot0, dot1, dot2, dot3 = zeros(), zeros(), zeros(), zeros()
            for lane in range(0, stride, WIDTH):
                x = load(vector, lane)
                dot0 = multiply_add(load(other, one + lane), x, dot0)
                dot1 = multiply_add(load(other, two + lane), x, dot1)
                dot2 = multiply_add(load(other, three + lane), x, dot2)
                dot3 = multiply_add(load(other, four + lane), x, dot3)
            products = sum_four(dot0, dot1, dot2, dot3)
            wanted = multiply(factor, _load_to_quarters(targets, number))
            errors = subtract(multiply(_load_to_quarters(weights, number), products), wanted)
            sums = multiply_add(products, subtract(errors, wanted), sums)
            squares = multiply_add(errors, errors, squares)
            error0, error1 = spread_quarter(errors, 0), spread_quarter(errors, 1)
            error2, error3 = spread_quarter(errors, 2), spread_quarter(errors, 3)
            for lane in range(0, stride, WIDTH):
                value = multiply_add(load(other, one + lane), error0, load(out, lane))
                value = multiply_add(load(other, two + lane), error1, value)
                value = multiply_add(load(other, three + lane), error2, value)
                store(out, lane, multiply_add(load(other, four + lane), error3, value))
        total += np.float64(sum_lanes(sums)) / 4  # each product is in four lanes
        squared += np.float64(sum_lanes(squares)) / 4
    return total, squared

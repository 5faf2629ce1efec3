"""Sums and images of padded rows, for what users and items have beside their own factors."""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import WIDTH, broadcast, load, multiply_add, store, zeros

__all__ = ["multiply_rows", "shared_part", "sum_rated_rows"]


@kernel
def sum_rated_rows(first, last, ratings, other, stride, out):
    """Set ``out[row] = sum(other[o] for each rating of the row, of other o)``.

    Parameters
    ----------
    first, last : int
        The rows to set.
    ratings : RatedRows
    other : (n_other * stride,) float32
    stride : int
        A multiple of sixteen.
    out : (n_rows * stride,) float32, modified in place

    Notes
    -----
    Free of races as long as no other thread sets the same rows.
    """
    for row in range(first, last):
        to = row * stride
        for lane in range(0, stride, WIDTH):
            store(out, to + lane, zeros())
        one = broadcast(np.float32(1))
        for rating in range(ratings.starts[row], ratings.starts[row + 1]):
            at = np.int64(ratings.other_index[rating]) * stride
            for lane in range(0, stride, WIDTH):
                total = multiply_add(one, load(other, at + lane), load(out, to + lane))
                store(out, to + lane, total)


@kernel
def multiply_rows(first, last, rows, matrix, stride, out):
    """Set ``out[row] = rows[row] @ matrix``.

    Eight rows at a time: a vector of the matrix is loaded once for eight products, and no sum
    waits for the one before.

    Parameters
    ----------
    first, last : int
        The rows to set.
    rows : (n_rows * stride,) float32
    matrix : (stride * stride,) float32
    stride : int
        A multiple of sixteen.
    out : (n_rows * stride,) float32, modified in place
        May be `rows`.

    Notes
    -----
    Free of races as long as no other thread sets the same rows. A row does not depend on those
    that it is multiplied beside.
    """
    whole = 8 * stride
    group, products = np.zeros(whole, np.float32), np.zeros(whole, np.float32)
    for row in range(first, last, 8):
        at, size = row * stride, min(8, last - row) * stride
        for lane in range(0, size, WIDTH):
            store(group, lane, load(rows, at + lane))
        for lane in range(0, stride, WIDTH):
            sum0, sum1, sum2, sum3 = zeros(), zeros(), zeros(), zeros()
            sum4, sum5, sum6, sum7 = zeros(), zeros(), zeros(), zeros()
            for inner in range(stride):
                factors = load(matrix, inner * stride + lane)
                place = np.uint64(inner)  # without a look at whether it counts from the end
                step = np.uint64(stride)
                sum0 = multiply_add(broadcast(group[place]), factors, sum0)
                sum1 = multiply_add(broadcast(group[place + step]), factors, sum1)
                sum2 = multiply_add(broadcast(group[place + np.uint64(2) * step]), factors, sum2)
                sum3 = multiply_add(broadcast(group[place + np.uint64(3) * step]), factors, sum3)
                sum4 = multiply_add(broadcast(group[place + np.uint64(4) * step]), factors, sum4)
                sum5 = multiply_add(broadcast(group[place + np.uint64(5) * step]), factors, sum5)
                sum6 = multiply_add(broadcast(group[place + np.uint64(6) * step]), factors, sum6)
                sum7 = multiply_add(broadcast(group[place + np.uint64(7) * step]), factors, sum7)
            store(products, lane, sum0)
            store(products, stride + lane, sum1)
            store(products, 2 * stride + lane, sum2)
            store(products, 3 * stride + lane, sum3)
            store(products, 4 * stride + lane, sum4)
            store(products, 5 * stride + lane, sum5)
            store(products, 6 * stride + lane, sum6)
            store(products, 7 * stride + lane, sum7)
        for lane in range(0, size, WIDTH):
            store(out, at + lane, load(products, lane))


@kernel
def shared_part(rows, at, base, pulls, stride):
    """Return ``x' base x - 2 pulls . x`` of one row, in float64.

    Parameters
    ----------
    rows, pulls : (n_rows * stride,) float32
    at : int
        Where the row begins.
    base : (stride * stride,) float32
        Of which the upper triangle counts.
    stride : int
    """
    total = 0.0
    for left in range(stride - 1):
        x = np.float64(rows[at + left])
        inner = 0.5 * base[left * stride + left] * x
        for right in range(left + 1, stride - 1):
            inner += base[left * stride + right] * rows[at + right]
        total += 2.0 * x * (inner - pulls[at + left])
    return total

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

    Parameters
    ----------
    first, last : int
        The rows to set.
    rows : (n_rows * stride,) float32
    matrix : (stride * stride,) float32
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
            total = zeros()
            for inner in range(stride):
                factor = broadcast(rows[to + inner])
                total = multiply_add(factor, load(matrix, inner * stride + lane), total)
            store(out, to + lane, total)


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

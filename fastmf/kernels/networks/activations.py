"""Biases and rectifiers of dense layers: one pass over the elements instead of two or three.

Rows of a shard are C-contiguous, of float32 in use and of float64 in tests.
"""

from __future__ import annotations

from fastmf.kernels.compiled import kernel

__all__ = [
    "add_bias",
    "add_bias_relu",
    "column_sums",
    "relu_gradient",
]


@kernel(error_model="numpy")
def add_bias(z, bias):
    """Set ``z[row, column] += bias[column]``.

    Parameters
    ----------
    z : (m, n) floats, modified in place
    bias : (n,) floats

    Notes
    -----
    Free of races as long as no other thread has the same `z`; so are all kernels here.
    """
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            z[row, column] += bias[column]


@kernel(error_model="numpy")
def add_bias_relu(z, bias):
    """Set ``z[row, column] = max(z[row, column] + bias[column], 0)``; NaN stays NaN.

    Parameters
    ----------
    z : (m, n) floats, modified in place
    bias : (n,) floats
    """
    zero = z.dtype.type(0)
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            total = z[row, column] + bias[column]
            z[row, column] = zero if total < zero else total


@kernel(error_model="numpy")
def column_sums(dy, sums):
    """Set ``sums[column] = sum(dy[:, column])``, added row by row.

    Parameters
    ----------
    dy : (m, n) floats
    sums : (n,) floats, modified in place
    """
    for column in range(dy.shape[1]):
        sums[column] = 0
    for row in range(dy.shape[0]):
        for column in range(dy.shape[1]):
            sums[column] += dy[row, column]


@kernel(error_model="numpy")
def relu_gradient(dy, y, sums):
    """Set ``dy`` to zero where ``y`` is not positive, and `sums` to the sums of its columns.

    Parameters
    ----------
    dy : (m, n) floats, modified in place
    y : (m, n) floats
        What the rectifier made.
    sums : (n,) floats, modified in place
    """
    zero = y.dtype.type(0)
    for column in range(dy.shape[1]):
        sums[column] = zero
    for row in range(dy.shape[0]):
        for column in range(dy.shape[1]):
            passed = dy[row, column] if y[row, column] > zero else zero
            dy[row, column] = passed
            sums[column] += passed

"""Batch normalization: sums over a shard, and what is made of the sums over the batch.

Rows of a shard are C-contiguous, of float32 in use and of float64 in tests.
"""

from __future__ import annotations

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = ["column_moments", "normalize", "normalize_gradient", "normalize_sums"]


@kernel(error_model="numpy")
def column_moments(x, sums, squares):
    """Set the sums of the columns, and of their squares.

    Parameters
    ----------
    x : (m, n) floats
    sums, squares : (n,) float64, modified in place

    Notes
    -----
    Free of races as long as no other thread has the arrays that are modified; so are all kernels
    here.
    """
    for column in range(x.shape[1]):
        sums[column] = 0
        squares[column] = 0
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            value = np.float64(x[row, column])
            sums[column] += value
            squares[column] += value * value


@kernel(error_model="numpy")
def normalize(x, mean, inverse, scale, shift, out):
    """Set ``out = (x - mean) * inverse * scale + shift``, column by column.

    Parameters
    ----------
    x : (m, n) floats
    mean, inverse, scale, shift : (n,) floats
        `inverse` of the standard deviation.
    out : (m, n) floats, modified in place
    """
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            standard = (x[row, column] - mean[column]) * inverse[column]
            out[row, column] = standard * scale[column] + shift[column]


@kernel(error_model="numpy")
def normalize_sums(dy, x, mean, inverse, d_scale, d_shift):
    """Set ``d_shift = sum(dy)`` and ``d_scale = sum(dy * (x - mean) * inverse)`` of the columns.

    Parameters
    ----------
    dy, x : (m, n) floats
    mean, inverse : (n,) floats
    d_scale, d_shift : (n,) floats, modified in place
    """
    for column in range(x.shape[1]):
        d_scale[column] = 0
        d_shift[column] = 0
    # Two loops: with all six arrays in one, the compiler gives up on showing that none overlap.
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            d_shift[column] += dy[row, column]
        for column in range(x.shape[1]):
            d_scale[column] += dy[row, column] * (x[row, column] - mean[column])
    for column in range(x.shape[1]):
        d_scale[column] *= inverse[column]


@kernel(error_model="numpy")
def normalize_gradient(dy, x, mean, inverse, scale, mean_dy, mean_product):
    """Turn the gradient by the output into that by the input, in place.

    ``dy = inverse * scale * (dy - mean_dy - (x - mean) * inverse * mean_product)``, where
    `mean_dy` and `mean_product` are what `normalize_sums` made, over the rows of the batch.

    Parameters
    ----------
    dy : (m, n) floats, modified in place
    x : (m, n) floats
    mean, inverse, scale, mean_dy, mean_product : (n,) floats
    """
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            standard = (x[row, column] - mean[column]) * inverse[column]
            left = dy[row, column] - mean_dy[column] - standard * mean_product[column]
            dy[row, column] = inverse[column] * scale[column] * left

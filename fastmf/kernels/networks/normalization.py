"""Batch normalization: sums over a shard, and what is made of the sums over the batch.

Rows of a shard are C-contiguous, of float32 in use and of float64 in tests.
"""

from __future__ import annotations

import math

import numpy as np

from fastmf.kernels.compiled import kernel

__all__ = [
    "column_moments",
    "gradient_means",
    "moment_terms",
    "normalize",
    "normalize_gradient",
    "normalize_sums",
]


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
def moment_terms(
    moments, n_shards, at, n, momentum, epsilon, running_mean, running_variance, mean, inverse
):
    """Make the terms of `normalize` of all shards' sums, and update the running statistics.

    The variance in use is that of the batch, the running one the unbiased; of a batch of one row,
    both are the running statistics, which stay as they are.

    Parameters
    ----------
    moments : (at least n_shards, 2, at least at + n_columns) float64
        Sums and squares of each shard, as `column_moments` leaves them, from column `at` on.
    n_shards, at : int64
    n : int64
        Rows of the batch.
    momentum : float64
        Part of a batch's statistics in the running ones.
    epsilon : float64
        Added to the variance.
    running_mean, running_variance : (n_columns,) floats, modified in place
    mean, inverse : (n_columns,) floats, modified in place
        Receive the mean, and one over the standard deviation.
    """
    for column in range(len(mean)):
        if n > 1:
            total, total_squares = 0.0, 0.0
            for shard in range(n_shards):
                total += moments[shard, 0, at + column]
                total_squares += moments[shard, 1, at + column]
            middle = total / n
            variance = max(total_squares / n - middle * middle, 0.0)
            running_mean[column] += momentum * (middle - running_mean[column])
            unbiased = variance * (n / (n - 1))
            running_variance[column] += momentum * (unbiased - running_variance[column])
        else:
            middle = np.float64(running_mean[column])
            variance = np.float64(running_variance[column])
        mean[column] = middle
        inverse[column] = 1.0 / math.sqrt(variance + epsilon)


@kernel(error_model="numpy")
def gradient_means(parts, n_shards, at, n, means):
    """Set the means over the batch of what `normalize_sums` has made of its shards.

    Parameters
    ----------
    parts : (at least n_shards, at least at + n_columns) floats
        Those of each shard from column `at` on; added in the order of the shards.
    n_shards, at : int64
    n : int64
        Rows of the batch; of one row, the means are 0: running statistics do not depend on it.
    means : (n_columns,) floats, modified in place
    """
    for column in range(len(means)):
        total = means.dtype.type(0)
        for shard in range(n_shards):
            total += parts[shard, at + column]
        means[column] = total / n if n > 1 else 0


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

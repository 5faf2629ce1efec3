"""Slow, obvious twins of fastmf.kernels.column_products: dense and masked, in float64."""

import numpy as np

from tests.reference import weight_panels


def table(column_starts, rows, values, n_rows):
    """Return (n_rows, n_columns) the values where there are ratings, and a mask of where."""
    dense, mask = weight_panels.dense(column_starts, rows, values, n_rows)
    return dense.T, mask.T


def add_columns(column_starts, rows, coefficients, weights, n_rows):
    """Return the dense product of the table of coefficients and the weights."""
    return table(column_starts, rows, coefficients, n_rows)[0] @ weights.astype(np.float64)


def column_products(column_starts, rows, weights, codes):
    """Return, of all products of rows and columns, those where there is a rating."""
    products = codes.astype(np.float64) @ weights.astype(np.float64).T
    columns = np.repeat(np.arange(len(column_starts) - 1), np.diff(column_starts))
    return products[rows, columns]


def column_errors(column_starts, values, bias, scale, products):
    """Return the sum of squared errors, and the gradients."""
    errors = products.astype(np.float64) + np.repeat(bias, np.diff(column_starts)) - values
    return np.sum(errors**2), scale * errors

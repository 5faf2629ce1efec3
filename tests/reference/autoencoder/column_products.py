"""Slow, obvious twins of kernels.autoencoder.column_products: dense and masked, in float64."""

import numpy as np

from tests.reference.autoencoder import weight_panels


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


def outputs(scores, centres, form):
    """Return what scores stand for, less the centres."""
    if not form.is_sigmoid:
        return scores
    offset, unit, base, height = (float(number) for number in form[1:])
    return base + height / (1 + np.exp(-offset - unit * (scores + centres))) - centres


def column_errors(column_starts, rows, centres, values, bias, form, scale, products):
    """Return the sum of squared errors, and the gradients, their slopes by central differences."""
    scores = products.astype(np.float64) + np.repeat(bias, np.diff(column_starts))
    centre = centres.astype(np.float64)[rows]
    low, found, high = (outputs(scores + step, centre, form) for step in (-1e-4, 0, 1e-4))
    errors = found - values
    return np.sum(errors**2), scale * errors * (high - low) / 2e-4

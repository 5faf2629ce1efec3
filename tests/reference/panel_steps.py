"""Slow, obvious twins of fastmf.kernels.panel_steps: one column at a time, in float64."""

import numpy as np


def gradients(column_starts, rows, coefficients, source):
    """Return (n_columns, units) sums of rows of `source`, each times a coefficient."""
    source = source.astype(np.float64)
    out = np.zeros((len(column_starts) - 1, source.shape[1]))
    for column in range(len(out)):
        part = slice(column_starts[column], column_starts[column + 1])
        out[column] = coefficients[part].astype(np.float64) @ source[rows[part]]
    return out


def step(gradient, touched, rules, clocks, weights, first, second, *, regularized=True):
    """Take a step of the touched rows; all arrays float64, modified in place."""
    for row in np.flatnonzero(touched):
        w, g = weights[row], gradient[row]
        if regularized:
            g = g + rules.regularization * w
            w = w * (1 - rules.rate * rules.decay)
        if rules.is_adam:
            first[row] = rules.beta1 * first[row] + (1 - rules.beta1) * g
            second[row] = rules.beta2 * second[row] + (1 - rules.beta2) * g * g
            mean = first[row] / (1 - rules.beta1 ** clocks[row])
            square = second[row] / (1 - rules.beta2 ** clocks[row])
            weights[row] = w - rules.rate * mean / (np.sqrt(square) + rules.epsilon)
        else:
            first[row] = rules.beta1 * first[row] + g
            weights[row] = w - rules.rate * first[row]

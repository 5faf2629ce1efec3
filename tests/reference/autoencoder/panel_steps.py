"""Slow, obvious twins of kernels.autoencoder.panel_steps: one column at a time, in float64."""

import numpy as np

from fastmf.kernels.autoencoder.panel_steps import ADAM, MOMENTUM


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
        if rules.method == ADAM:
            first[row] = rules.beta1 * first[row] + (1 - rules.beta1) * g
            second[row] = rules.beta2 * second[row] + (1 - rules.beta2) * g * g
            mean = first[row] / (1 - rules.beta1 ** clocks[row])
            square = second[row] / (1 - rules.beta2 ** clocks[row])
            weights[row] = w - rules.rate * mean / (np.sqrt(square) + rules.epsilon)
        elif rules.method == MOMENTUM:
            first[row] = rules.beta1 * first[row] + g
            weights[row] = w - rules.rate * first[row]
        else:
            _rprop(g, w, rules, weights[row], first[row], second[row])


def _rprop(gradient, decayed, rules, weights, previous, sizes):
    """Take a step of resilient backpropagation, weight by weight."""
    for at, g in enumerate(gradient):
        size = sizes[at] or rules.rate
        if g * previous[at] > 0:
            size = min(size * rules.beta1, rules.largest)
        elif g * previous[at] < 0:
            size, g = max(size * rules.beta2, rules.smallest), 0.0  # noqa: PLW2901
        weights[at] = decayed[at] - size * np.sign(g)
        sizes[at], previous[at] = size, g

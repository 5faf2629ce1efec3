"""Slow, obvious twins of fastmf.kernels.autoencoder.weight_panels: dense and masked, in float64."""

import numpy as np

PANEL = 32


def to_panels(rows):
    """Return a table of weights panel by panel, flat, with zeros behind the last unit."""
    n, units = rows.shape
    panels = []
    for first in range(0, units, PANEL):
        panel = np.zeros((n, PANEL), np.float32)
        part = rows[:, first : first + PANEL]
        panel[:, : part.shape[1]] = part
        panels.append(panel.ravel())
    return np.concatenate(panels)


def from_panels(panels, n, units):
    """Return (n, units) the table that was put into panels."""
    return np.hstack(list(panels.reshape(-1, n, PANEL)))[:, :units]


def dense(starts, columns, values, n_columns):
    """Return (n_rows, n_columns) the values where there are ratings, and a mask of where."""
    table = np.zeros((len(starts) - 1, n_columns))
    mask = np.zeros(table.shape, bool)
    for row in range(len(starts) - 1):
        part = slice(starts[row], starts[row + 1])
        table[row, columns[part]] = values[part]
        mask[row, columns[part]] = True
    return table, mask


def sum_weights(starts, columns, coefficients, weights):
    """Return the dense product of the table of coefficients and the weights."""
    table, _ = dense(starts, columns, coefficients, len(weights))
    return table @ weights.astype(np.float64)

"""Slow, obvious twins of fastmf.kernels.networks.embedding_rows."""

import numpy as np


def gather(rows, index):
    return np.array([rows[row] for row in index]).reshape(len(index), rows.shape[1])


def sort_by_row(index):
    """Return each row that occurs with its entries, by row."""
    return {
        int(row): [k for k, other in enumerate(index) if other == row] for row in sorted(set(index))
    }


def summed_gradients(index, gradients):
    """Return the sum of the gradients of each row, added in float32 in the order of the batch."""
    sums = {}
    for row, entries in sort_by_row(index).items():
        total = np.zeros(gradients.shape[1], np.float32)
        for entry in entries:
            total = total + gradients[entry]
        sums[row] = total
    return sums


def squared_norm(index, gradients, rows, scale, pulls):
    total = 0.0
    entries = sort_by_row(index)
    for row, gradient in summed_gradients(index, gradients).items():
        pull = len(entries[row]) * pulls * rows[row].astype(np.float64)
        total += float(np.sum((scale * gradient.astype(np.float64) + pull) ** 2))
    return total

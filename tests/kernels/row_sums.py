"""A batch of gradients as kernels of embedding rows take it."""

import numpy as np

from fastmf.data.arrays import frozen
from fastmf.nn.row_steps import RowSums
from fastmf.nn.sorted_batch import SortedBatch

STRIDE = 32


def padded(rows):
    """Return rows flat, padded to the stride."""
    flat = np.zeros((len(rows), STRIDE), np.float32)
    flat[:, : rows.shape[1]] = rows
    return flat.reshape(-1)


def sums_of(index, gradients, n_rows, *, column=0, scale=1.0, pulls=0.0, width=None):
    """Return the arguments that kernels sum gradients by, and the number of rows touched."""
    width = gradients.shape[1] if width is None else width
    batch = SortedBatch(n_rows)
    batch.sort(np.asarray(index, np.int32))
    edge, weights, pull = np.zeros((3, STRIDE), np.float32)
    edge[:width] = gradients[-1, column : column + width]
    weights[:width], pull[:width] = scale, pulls
    rows = batch.entries, batch.touched, batch.starts
    flat = frozen(gradients, np.float32).reshape(-1)
    arrays = flat, gradients.shape[1], frozen(edge), column, frozen(weights), frozen(pull)
    return RowSums(*rows, *arrays), batch.n_touched


def random_batch(generator, n_rows, width, size):
    """Return rows that occur, some often, and gradients of sizes from 1e-9 to 1e3."""
    index = generator.integers(0, n_rows, size) ** 2 // n_rows
    scale = 10.0 ** generator.uniform(-9, 3, (size, width))
    return index, (generator.standard_normal((size, width)) * scale).astype(np.float32)

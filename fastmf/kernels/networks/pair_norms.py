"""Batch norms within a network: what is made of the sums over all shards.

Norms are a table, (n_norms, `COLUMNS`) int64, of

- `WIDTH`, `STRIDE`: columns, and floats from a row to the next;
- `AT`: the strides of all norms before: where its columns begin in `terms` and `moments`; and,
  times the rows that there is memory for, where its rows do;
- `SCALE`, `SHIFT`: where those begin among the parameters;
- `WEIGHTS`, `BIAS`: where those of the layer behind begin, -1 for no bias;
- `PACKED`, `PACKED_BACK`: where its weights and their transpose begin in `packed`; none behind the
  last norm.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.normalization import gradient_means, moment_terms

__all__ = ["COLUMNS", "N_TERMS", "Norms", "combine_norms", "n_turns"]

COLUMNS = 9
WIDTH, STRIDE, AT, SCALE, SHIFT, WEIGHTS, BIAS, PACKED, PACKED_BACK = range(COLUMNS)

N_TERMS = 7
# Of a type of their own, as in `fastmf.kernels.networks.ticks`.
MEAN, INVERSE, FACTOR, ADDEND, BY_SLOPE, BY_X, BY_ONE = np.arange(N_TERMS, dtype=np.int64)
"""Rows of terms: mean and one over the standard deviation; factor and addend of the norm, with its
scale and shift and dropout's scale in them; and factors of its gradient."""


class Norms(NamedTuple):
    """Running statistics of all norms, one after another, each padded to its stride.

    Attributes
    ----------
    means, variances : (n_columns,) float32
    momentum, epsilon : float
    """

    means: Any
    variances: Any
    momentum: float
    epsilon: float


@kernel
def n_turns(layers):
    """Return the number of turns: one without norms.

    Parameters
    ----------
    layers : Layers

    Returns
    -------
    int64
    """
    return max(np.int64(1), 2 * len(layers.norms))


@kernel
def combine_norms(layers, turn, norms, n_shards, n_batch):
    """Make of the sums of all shards what the next turn needs.

    Parameters
    ----------
    layers : Layers
        Its terms are assigned.
    turn : int64
        The one that is over; see `fastmf.kernels.networks.pair_turns`.
    norms : Norms
        Running statistics are modified.
    n_shards, n_batch : int64
    """
    n = len(layers.norms)
    if n == 0:
        return
    number = turn if turn < n else 2 * n - 1 - turn
    norm, terms = layers.norms[number], layers.terms
    at, end, last = norm[AT], norm[AT] + norm[WIDTH], norm[SCALE] + norm[WIDTH]
    scales = layers.parameters[norm[SCALE] : last]
    if turn < n:
        shifts = layers.parameters[norm[SHIFT] : norm[SHIFT] + norm[WIDTH]]
        moment_terms(
            *(layers.moments, n_shards, at, n_batch, norms.momentum, norms.epsilon),
            *(norms.means[at:end], norms.variances[at:end]),
            *(terms[MEAN, at:end], terms[INVERSE, at:end]),
        )
        kept = np.float64(layers.scales[number])
        for column in range(norm[WIDTH]):
            factor = np.float64(terms[INVERSE, at + column]) * scales[column]
            addend = shifts[column] - terms[MEAN, at + column] * factor
            terms[FACTOR, at + column] = kept * factor
            terms[ADDEND, at + column] = kept * addend
    else:
        for row, start in ((BY_ONE, norm[SHIFT]), (BY_X, norm[SCALE])):
            gradient_means(layers.gradients, n_shards, start, n_batch, terms[row, at:end])
        for column in range(at, end):
            inverse, slope = np.float64(terms[INVERSE, column]), terms[BY_ONE, column]
            factor = inverse * scales[column - at]
            by_x = inverse * terms[BY_X, column]
            terms[BY_SLOPE, column] = factor
            terms[BY_X, column] = -factor * by_x
            terms[BY_ONE, column] = factor * (by_x * terms[MEAN, column] - slope)

"""Batch norms between the segments of a network: what needs the sums of all shards."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastmf.kernels.compiled import kernel
from fastmf.kernels.normalization import gradient_means, moment_terms, normalize_gradient
from fastmf.kernels.pair_shards import (
    ENTRY,
    NORM,
    SCALE,
    SHIFT,
    norm_terms,
    output_of_segment,
    slopes_of_shard,
)

__all__ = ["Norms", "combine_norms", "normalize_shard_gradient"]


class Norms(NamedTuple):
    """Running statistics of all batch norms, one after another.

    Attributes
    ----------
    means, variances : (n_norms,) float32
    momentum, epsilon : float
    """

    means: Any
    variances: Any
    momentum: float
    epsilon: float


@kernel
def combine_norms(layers, turn, norms, n_shards, n_batch):
    """Make of the sums of all shards what the norm of the next turn needs.

    Parameters
    ----------
    layers : Layers
        Its terms are assigned.
    turn : int64
        The one that is over: shards go through the segments by the first turns, and back by the
        others; the last segment is both in one turn.
    norms : Norms
        Running statistics are modified.
    n_shards, n_batch : int64
    """
    last = len(layers.segments) - 1
    number = turn + 1 if turn < last else 2 * last - turn
    if number == 0 or number > last:
        return
    segment = layers.segments[number]
    at, width = segment[NORM], segment[ENTRY]
    end = at + width
    if turn < last:
        moment_terms(
            *(layers.moments, n_shards, at, n_batch, norms.momentum, norms.epsilon),
            *(norms.means[at:end], norms.variances[at:end]),
            *(layers.terms[0, at:end], layers.terms[1, at:end]),
        )
    else:
        for row, start in ((2, segment[SHIFT]), (3, segment[SCALE])):
            means = layers.terms[row, at:end]
            gradient_means(layers.gradients, n_shards, start, n_batch, means)


@kernel
def normalize_shard_gradient(layers, number, shard):
    """Turn the gradients by the output of a segment's norm into those by its input.

    Parameters
    ----------
    layers : Layers
        With the means of the batch in `terms`.
    number : int64
        Of the segment.
    shard : Shard
        Its slopes are modified.
    """
    segment = layers.segments[number]
    at, width = segment[NORM], segment[ENTRY]
    mean, inverse = norm_terms(layers, number)
    x = output_of_segment(layers, number - 1, shard)
    normalize_gradient(
        *(slopes_of_shard(layers, number, shard), x, mean, inverse),
        layers.parameters[segment[SCALE] : segment[SCALE] + width],
        *(layers.terms[2, at : at + width], layers.terms[3, at : at + width]),
    )

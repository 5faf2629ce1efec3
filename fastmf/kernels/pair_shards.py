"""A shard of a batch on its way through the layers behind the first, and back.

The layers are cut into segments, which shards go through on their own; each but the first begins
with a batch norm, which needs the sums over all of them. A segment is an entry (the sum of both
halves of the first layer, with bias and rectifier; or a batch norm, rectifier and dropout) and a
chain of dense layers and dropouts (`fastmf.kernels.dense_chain`), empty in front of the first norm.

Segments are a table, (n_segments, `COLUMNS`) int64, of

- `ENTRY`: columns of the entry's output;
- `FIRST`, `LAST`: the steps of the chain;
- `DROP`: the step that stands for the entry's dropout, -1 for none;
- `RECTIFIED`: whether the entry rectifies;
- `BIAS`: where the first layer's bias begins among the parameters, -1 for none;
- `SCALE`, `SHIFT`: where those of the norm begin among the parameters;
- `NORM`: where the norm's columns begin among those of all norms;
- `OUTPUT`, `CHAIN`: columns of a shard's room in front of the entry's output, and in front of the
  outputs of the chain;
- `SLOPES`: columns in front of the gradients by the entry's input (behind the norm: by its output).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from fastmf.kernels.activations import column_sums, rectify, rectify_gradient, relu_gradient
from fastmf.kernels.compiled import kernel
from fastmf.kernels.dense_chain import chain_backward, chain_forward
from fastmf.kernels.dropout import drop
from fastmf.kernels.normalization import (
    column_moments,
    normalize,
    normalize_sums,
)
from fastmf.kernels.pair_ends import join_halves
from fastmf.kernels.ticks import ELEMENTS, PRODUCTS, tick

__all__ = [
    "COLUMNS",
    "Layers",
    "Shard",
    "norm_terms",
    "output_of_segment",
    "shard_backward",
    "shard_forward",
    "slopes_of_shard",
]

COLUMNS = 12
ENTRY, FIRST, LAST, DROP, RECTIFIED, BIAS, SCALE, SHIFT, NORM, OUTPUT, CHAIN, SLOPES = range(12)

# Rows that go through a norm, a rectifier and a dropout together: they stay in the first-level
# cache.
_ROWS = 8


class Layers(NamedTuple):
    """The layers behind the first, their parameters, and what norms make of a batch.

    Attributes
    ----------
    segments : (n_segments, COLUMNS) int64
    chain : (n_steps, 6) int64
        See `fastmf.kernels.dense_chain`; entries' dropouts stand behind the steps of all chains.
    keys : (n_batches, n_steps) uint64
        Of dropouts, in each batch.
    thresholds : (n_steps,) uint32
    scales : (n_steps,) float32
    parameters : (n,) float32
    gradients : (n_parts, n) float32
        Each shard assigns a part.
    terms : (4, n_norms) float32
        Mean and one over the standard deviation of each norm's columns in the batch; means of the
        gradient by its output, and of its product with what is normalized.
    moments : (n_parts, 2, n_norms) float64
        Sums of each shard.
    widest : int
        Columns of the widest input of a step.
    """

    segments: Any
    chain: Any
    keys: Any
    thresholds: Any
    scales: Any
    parameters: Any
    gradients: Any
    terms: Any
    moments: Any
    widest: int


class Shard(NamedTuple):
    """Some rows of a batch, and memory for them.

    Attributes
    ----------
    number : int
        Of the shard in its batch.
    batch : int
        Of the batch.
    base : int
        Entries of all batches before this one.
    first, last : int
        The rows of the batch.
    n_batch : int
    room : float32
        For the outputs of all segments; kept until the shard is back.
    scratch : float32
        For a moment.
    slopes : float32
        Of the whole batch: for each segment, gradients of all rows by the entry.
    errors : (n_batch,) float32
        Gradient by the output of the network.
    ticks : int64
        Of the thread; see `fastmf.kernels.ticks.tick`.
    """

    number: int
    batch: int
    base: int
    first: int
    last: int
    n_batch: int
    room: Any
    scratch: Any
    slopes: Any
    errors: Any
    ticks: Any


@njit
def _entry_output(layers, number, shard):
    m, width = shard.last - shard.first, layers.segments[number, ENTRY]
    at = m * layers.segments[number, OUTPUT]
    return shard.room[at : at + m * width].reshape((m, width))


@njit
def _chain_outputs(layers, number, shard):
    """Return the outputs of all steps of a segment's chain, flat."""
    m, segment = shard.last - shard.first, layers.segments[number]
    columns = np.int64(0)
    for step in range(segment[FIRST], segment[LAST]):
        columns += layers.chain[step, 2]
    at = m * segment[CHAIN]
    return shard.room[at : at + m * columns]


@kernel
def output_of_segment(layers, number, shard):
    """Return the output of a segment that a shard has been through.

    Parameters
    ----------
    layers : Layers
    number : int64
    shard : Shard

    Returns
    -------
    (m, n_columns) float32
    """
    segment = layers.segments[number]
    if segment[FIRST] == segment[LAST]:
        return _entry_output(layers, number, shard)
    m, width = shard.last - shard.first, layers.chain[segment[LAST] - 1, 2]
    outputs = _chain_outputs(layers, number, shard)
    return outputs[len(outputs) - m * width :].reshape((m, width))


@kernel
def slopes_of_shard(layers, number, shard):
    """Return the shard's part of the gradients by a segment's entry, (m, n_columns) float32.

    Parameters
    ----------
    layers : Layers
    number : int64
    shard : Shard
    """
    width = layers.segments[number, ENTRY]
    at = shard.n_batch * layers.segments[number, SLOPES] + shard.first * width
    m = shard.last - shard.first
    return shard.slopes[at : at + m * width].reshape((m, width))


@kernel
def norm_terms(layers, number):
    """Return mean and one over the standard deviation of a norm's columns.

    Parameters
    ----------
    layers : Layers
    number : int64
        Of the segment that begins with the norm.
    """
    at, width = layers.segments[number, NORM], layers.segments[number, ENTRY]
    return layers.terms[0, at : at + width], layers.terms[1, at : at + width]


@njit
def _drops(layers, batch, first, last):
    """Return keys, thresholds and scales of some steps."""
    keys, thresholds = layers.keys[batch, first:last], layers.thresholds[first:last]
    return keys, thresholds, layers.scales[first:last]


@njit
def _enter_norm(layers, number, shard):
    """Set the entry's output of a segment that begins with a norm."""
    segment = layers.segments[number]
    x, out = output_of_segment(layers, number - 1, shard), _entry_output(layers, number, shard)
    mean, inverse = norm_terms(layers, number)
    width, step = segment[ENTRY], segment[DROP]
    scale = layers.parameters[segment[SCALE] : segment[SCALE] + width]
    shift = layers.parameters[segment[SHIFT] : segment[SHIFT] + width]
    for first in range(0, len(x), _ROWS):
        some = out[first : first + _ROWS]
        normalize(x[first : first + _ROWS], mean, inverse, scale, shift, some)
        if segment[RECTIFIED]:
            rectify(some)
        if step >= 0:
            key, threshold = layers.keys[shard.batch, step], layers.thresholds[step]
            drop(some, key, shard.first + first, threshold, layers.scales[step], some)


@kernel
def shard_forward(layers, number, users, items, shard):
    """Take a shard through a segment.

    Parameters
    ----------
    layers : Layers
        Its `moments` are assigned where a norm follows.
    number : int64
        Of the segment.
    users, items : Shown
        See `fastmf.kernels.pair_rows`; their halves are made.
    shard : Shard
        Its room is modified.

    Notes
    -----
    Free of races as long as no other thread has the same shard or memory; so are all kernels here.
    """
    if number == 0:
        out, bias_at = _entry_output(layers, np.int64(0), shard), layers.segments[0, BIAS]
        bias = layers.parameters[max(bias_at, 0) : max(bias_at, 0) + out.shape[1]]
        has_bias, rectified = bias_at >= 0, layers.segments[0, RECTIFIED] != 0
        join_halves(users, items, shard.base + shard.first, has_bias, bias, rectified, out)
    else:
        _enter_norm(layers, number, shard)
    first, last = layers.segments[number, FIRST], layers.segments[number, LAST]
    if first < last:
        tick(shard.ticks, ELEMENTS)
        keys, thresholds, scales = _drops(layers, shard.batch, first, last)
        chain_forward(
            *(layers.chain[first:last], keys, thresholds, scales, shard.first, layers.parameters),
            *(_entry_output(layers, number, shard), _chain_outputs(layers, number, shard)),
        )
        tick(shard.ticks, PRODUCTS)
    if number + 1 < len(layers.segments):
        at, width = layers.segments[number + 1, NORM], layers.segments[number + 1, ENTRY]
        sums = layers.moments[shard.number, 0, at : at + width]
        squares = layers.moments[shard.number, 1, at : at + width]
        column_moments(output_of_segment(layers, number, shard), sums, squares)


@kernel
def shard_backward(layers, number, shard):
    """Take a shard back through a segment.

    Parameters
    ----------
    layers : Layers
        A part of its gradients is assigned.
    number : int64
        Of the segment, whose gradient by the output lies in `Shard.errors` for the last, and where
        the next segment has its slopes for the others.
    shard : Shard
        Its slopes are modified.
    """
    segment, gradients = layers.segments[number], layers.gradients[shard.number]
    first, last = segment[FIRST], segment[LAST]
    slopes, out = slopes_of_shard(layers, number, shard), _entry_output(layers, number, shard)
    m = len(slopes)
    if first < last:
        if number + 1 < len(layers.segments):
            dy = slopes_of_shard(layers, number + 1, shard)
        else:
            # The chain overwrites it, and the errors are needed once more.
            dy = shard.scratch[:m].reshape((m, 1))
            dy[:, 0] = shard.errors[shard.first : shard.last]
        tick(shard.ticks, ELEMENTS)
        room = shard.scratch[m : m + 2 * m * layers.widest]
        keys, thresholds, scales = _drops(layers, shard.batch, first, last)
        chain_backward(
            *(layers.chain[first:last], keys, thresholds, scales, shard.first, layers.parameters),
            *(gradients, out, _chain_outputs(layers, number, shard), dy, room, slopes),
        )
        tick(shard.ticks, PRODUCTS)
    width = segment[ENTRY]
    if number > 0:
        step = segment[DROP]
        factor = layers.scales[step] if step >= 0 else np.float32(1)
        if segment[RECTIFIED]:
            rectify_gradient(slopes, out, factor)
        mean, inverse = norm_terms(layers, number)
        by_scale = gradients[segment[SCALE] : segment[SCALE] + width]
        by_shift = gradients[segment[SHIFT] : segment[SHIFT] + width]
        x = output_of_segment(layers, number - 1, shard)
        normalize_sums(slopes, x, mean, inverse, by_scale, by_shift)
    elif segment[BIAS] >= 0:
        by_bias = gradients[segment[BIAS] : segment[BIAS] + width]
        if segment[RECTIFIED]:
            relu_gradient(slopes, out, by_bias)
        else:
            column_sums(slopes, by_bias)

"""A shard of a batch on its way through the layers behind the first, and back.

Where there are no batch norms, that is a chain of dense layers and dropouts
(`fastmf.kernels.networks.dense_chain`), which a shard runs through and back on its own. With batch
norms, see `fastmf.kernels.networks.pair_turns`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastmf.kernels.compiled import kernel
from fastmf.kernels.networks.activations import column_sums, relu_gradient
from fastmf.kernels.networks.dense_chain import chain_backward, chain_forward
from fastmf.kernels.networks.pair_ends import join_halves, lose_squares
from fastmf.kernels.networks.ticks import ELEMENTS, PRODUCTS, tick

__all__ = ["Layers", "Shard", "run_chain"]


class Layers(NamedTuple):
    """All layers, their parameters, and what norms make of a batch.

    Attributes
    ----------
    width, stride : int
        Outputs of the first layer, and floats from the half of a row to the next.
    bias : int
        Where the first layer's bias begins among the parameters, -1 for none.
    rectified : bool
        Whether the first layer is.
    chain : (n_steps, 6) int64
        See `fastmf.kernels.networks.dense_chain`; empty where there are norms.
    keys : (n_batches, n_steps) uint64
        Of dropouts, in each batch: of the steps of the chain, or of the norms.
    thresholds : (n_steps,) uint32
    scales : (n_steps,) float32
    norms : (n_norms, COLUMNS) int64
        See `fastmf.kernels.networks.pair_norms`.
    packs : (n_packs, 6) int64
        Weights that are laid out in panels for each step: where they begin among the parameters,
        their stride, whether they are turned, rows, columns, and where they go in `packed`.
    packed : float32
    parameters : (n,) float32
    gradients : (n_parts, n) float32
        Each shard assigns a part.
    terms : (N_TERMS, n_columns) float32
        Of all norms; see `fastmf.kernels.networks.pair_norms`.
    moments : (n_parts, 2, n_columns) float64
        Sums of each shard.
    widest : int
        Columns of the widest input of a step of the chain.
    """

    width: int
    stride: int
    bias: int
    rectified: bool
    chain: Any
    keys: Any
    thresholds: Any
    scales: Any
    norms: Any
    packs: Any
    packed: Any
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
    capacity : int
        Rows that there is memory for.
    room : float32
        For outputs of layers: of the thread, or of the whole batch where there are norms.
    scratch : float32
        Of the thread, for a moment.
    slopes : float32
        Of the whole batch: gradients by the first layer's outputs, or by those of the norms.
    masks : uint16
        Of the whole batch; see `fastmf.kernels.networks.norm_tiles`.
    errors : (n_batch,) float32
        Gradient by the output of the network.
    ticks : int64
        Of the thread; see `fastmf.kernels.networks.ticks.tick`.
    """

    number: int
    batch: int
    base: int
    first: int
    last: int
    n_batch: int
    capacity: int
    room: Any
    scratch: Any
    slopes: Any
    masks: Any
    errors: Any
    ticks: Any


@kernel
def run_chain(layers, users, items, targets, losses, shard):
    """Take a shard through a chain and back.

    Parameters
    ----------
    layers : Layers
        A part of its gradients is assigned.
    users, items : Shown
        See `fastmf.kernels.networks.pair_rows`; their halves are made.
    targets : (n,) float32
        Of all batches.
    losses : (n_batches, n_parts) float64
        Receives the sum of squared errors.
    shard : Shard
        Its errors and slopes are assigned.

    Notes
    -----
    Free of races as long as no other thread has the same shard or memory.
    """
    m, width = shard.last - shard.first, layers.width
    out = shard.room[: m * width].reshape((m, width))
    bias, has_bias = max(layers.bias, 0), layers.bias >= 0
    shifts = layers.parameters[bias : bias + width]
    join_halves(
        *(users, items, layers.stride, shard.base + shard.first, has_bias, shifts),
        *(layers.rectified, out),
    )
    tick(shard.ticks, ELEMENTS)
    outputs = shard.room[m * width :]
    drops = layers.keys[shard.batch], layers.thresholds, layers.scales
    chain_forward(
        *(layers.chain, drops[0], drops[1], drops[2], shard.first, layers.parameters),
        *(out, outputs),
    )
    tick(shard.ticks, PRODUCTS)
    columns = 0
    for step in range(len(layers.chain)):
        columns += layers.chain[step, 2]
    output = outputs[m * (columns - 1) : m * columns].reshape((m, 1))
    errors = shard.errors[shard.first : shard.last]
    losses[shard.batch, shard.number] = lose_squares(
        output, users, items, shard.base + shard.first, shard.n_batch, targets, errors
    )
    # The chain overwrites it, and the errors are needed once more.
    dy = shard.scratch[:m].reshape((m, 1))
    dy[:, 0] = errors
    tick(shard.ticks, ELEMENTS)
    room = shard.scratch[m : m + 2 * m * layers.widest]
    slopes = shard.slopes[shard.first * width : shard.last * width].reshape((m, width))
    gradients = layers.gradients[shard.number]
    chain_backward(
        *(layers.chain, drops[0], drops[1], drops[2], shard.first, layers.parameters),
        *(gradients, out, outputs, dy, room, slopes),
    )
    tick(shard.ticks, PRODUCTS)
    if has_bias:
        by_bias = gradients[bias : bias + width]
        if layers.rectified:
            relu_gradient(slopes, out, by_bias)
        else:
            column_sums(slopes, by_bias)

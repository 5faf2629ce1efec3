"""Layers that run one after another in a single kernel, so that threads do not wait for Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks.dense_chain import DENSE, DROP, chain_backward, chain_forward
from fastmf.nn.activations import IDENTITY, RELU
from fastmf.nn.dropout import Dropout
from fastmf.nn.layers import Dense, Layer
from fastmf.nn.parameters import Parameter
from fastmf.nn.tape import FlatTape, Tape

__all__ = ["Chain", "FusedLayers", "can_be_fused", "chain_of", "fused"]

Array = NDArray[Any]


def fused(layers: Iterable[Layer]) -> list[Layer]:
    """Put neighbours that one kernel can run into one layer.

    Parameters
    ----------
    layers : iterable of Layer

    Returns
    -------
    list of Layer
        Computes the same.
    """
    found: list[Layer] = []
    run: list[Dense | Dropout] = []
    for layer in layers:
        if can_be_fused(layer):
            run.append(layer)  # type: ignore[arg-type]
            continue
        if run:
            found.append(FusedLayers(run))
            run = []
        found.append(layer)
    return [*found, FusedLayers(run)] if run else found


def can_be_fused(layer: Layer) -> bool:
    """Return whether a kernel can run a layer.

    Parameters
    ----------
    layer : Layer
    """
    if isinstance(layer, Dropout):
        return layer.rate > 0
    if not isinstance(layer, Dense):
        return False
    has_bias = layer.bias is not None
    return layer.activation is IDENTITY or (layer.activation is RELU and has_bias)


class Chain(NamedTuple):
    """A chain of layers as kernels take it, for parameters in one flat array.

    Attributes
    ----------
    starts : dict of int to int
        Where parameters begin, by their `id`.
    steps, keys, thresholds, scales : ndarray
        See `fastmf.kernels.networks.dense_chain`.
    n_inputs, n_outputs : int
    n_columns : int
        Of the outputs of all steps.
    widest : int
        Columns of the widest input of a step.
    """

    starts: dict[int, int]
    steps: Array
    n_inputs: int
    n_outputs: int
    n_columns: int
    widest: int
    keys: Array
    thresholds: Array
    scales: Array


def chain_of(
    layers: Sequence[Dense | Dropout], starts: dict[int, int], n_inputs: int, dtype: DTypeLike
) -> Chain:
    """Lay out layers for kernels.

    Parameters
    ----------
    layers : sequence of Dense or Dropout
        That `can_be_fused`.
    starts : dict of int to int
        Where parameters begin, by their `id`.
    n_inputs : int
        Of the first layer.
    dtype : dtype
        Of activations.

    Returns
    -------
    Chain
    """
    rows = []
    width = n_inputs
    for layer in layers:
        if isinstance(layer, Dropout):
            rows.append((DROP, width, width, 0, -1, 0))
            continue
        bias = -1 if layer.bias is None else starts[id(layer.bias)]
        rectified = int(layer.activation is RELU)
        sizes = layer.n_inputs, layer.n_outputs
        rows.append((DENSE, *sizes, starts[id(layer.weights)], bias, rectified))
        width = layer.n_outputs
    steps = frozen(np.array(rows, np.int64).reshape(-1, 6))
    rates = np.array([getattr(layer, "rate", 0.0) for layer in layers])
    return Chain(
        starts=starts,
        steps=steps,
        n_inputs=n_inputs,
        n_outputs=width,
        n_columns=int(steps[:, 2].sum()),
        widest=int(steps[:, 1].max(initial=0)),
        keys=np.zeros(len(steps), np.uint64),
        thresholds=(rates * 2**32).astype(np.uint32),
        scales=(1 / (1 - rates)).astype(dtype),
    )


class FusedLayers:
    """Dense layers, rectified or linear, and dropouts, in one kernel each way.

    Parameters
    ----------
    layers : sequence of Dense or Dropout
    """

    def __init__(self, layers: Sequence[Dense | Dropout]) -> None:
        self.layers = tuple(layers)
        first = self.layers[0]
        self._input_gradient = not isinstance(first, Dense) or first.input_gradient
        self._drops = any(isinstance(layer, Dropout) for layer in self.layers)
        self._chain: Chain | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the layers."""
        return tuple(one for layer in self.layers for one in layer.parameters)

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return the output of the last layer; see `Layer.forward`."""
        flat = tape.flat
        if flat is None:
            for layer in self.layers:
                x = layer.forward(x, tape)
            return x
        m, n_inputs = x.shape
        chain = self._chain_for(flat, n_inputs, tape)
        if not x.flags.c_contiguous:
            whole = tape.buffer(self, "x", x.shape)
            np.copyto(whole, x)
            x = whole
        scratch = tape.buffer(self, "scratch", (m * chain.n_columns,))
        drops = self._keys(chain, tape), chain.thresholds, chain.scales, tape.rows.start
        chain_forward(chain.steps, *drops, flat.parameters, x, scratch)
        tape.keep(self, "x, scratch", (x, scratch))
        return scratch[m * (chain.n_columns - chain.n_outputs) :].reshape(m, chain.n_outputs)

    def backward(self, dy: Array, tape: Tape) -> Array:
        """Return the gradient by the input of the first layer; see `Layer.backward`."""
        flat = tape.flat
        if flat is None:
            for layer in reversed(self.layers):
                dy = layer.backward(dy, tape)
            return dy
        x, scratch = tape.kept(self, "x, scratch")
        m, n_inputs = x.shape
        chain = self._chain_for(flat, n_inputs, tape)
        room = tape.buffer(self, "room", (2 * m * chain.widest,))
        dx = tape.buffer(self, "dx", (m, n_inputs if self._input_gradient else 0))
        drops = self._keys(chain, tape), chain.thresholds, chain.scales, tape.rows.start
        arrays = flat.parameters, flat.gradients, x, scratch, dy, room, dx
        chain_backward(chain.steps, *drops, *arrays)
        return dx

    def _keys(self, chain: Chain, tape: Tape) -> Array:
        """Return the keys of the step's dropouts."""
        if not self._drops:
            return chain.keys
        keys = [layer.key(tape) if isinstance(layer, Dropout) else 0 for layer in self.layers]
        return np.array(keys, np.uint64)

    def _chain_for(self, flat: FlatTape, n_inputs: int, tape: Tape) -> Chain:
        """Return the chain, which is the same as long as the parameters stay in place."""
        chain = self._chain
        if chain is None or chain.starts is not flat.starts or chain.n_inputs != n_inputs:
            chain = self._chain = chain_of(self.layers, flat.starts, n_inputs, tape.dtype)
        return chain

"""Predictions of a trained network over pairs: the first layer's halves are made once for all.

A dense layer over a user's and an item's columns side by side is a sum of two products, one of
the user alone and one of the item alone. Both are made for all users and all items once; a pair
then costs an addition, an activation, and the smaller layers behind.

Everything is computed in tiles of a fixed number of rows, filled up where rows are missing, so that
a prediction has the same bits alone and in any company.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.blas import one_blas_thread
from fastmf.nn import Dense, Sequential
from fastmf.nn.activations import ACTIVATIONS, Activate
from fastmf.nn.dropout import Dropout
from fastmf.nn.normalization import BatchNorm

__all__ = ["TILE", "DotTerms", "PairPredictor", "PredictionLayer", "prediction_layers"]

Floats = NDArray[np.float32]
Index = NDArray[np.int32]

TILE = 512
"""Pairs computed at once: activations of a hundred units stay in the second-level cache."""

# Halves of users are kept up to this size, 256 MB; those of more are made when they are asked for.
_MOST_KEPT = 1 << 26


class PredictionLayer(NamedTuple):
    """A dense layer as it predicts, a batch norm behind it worked into its weights."""

    weights: Floats  # (n_inputs, n_outputs)
    bias: Floats  # (n_outputs,)
    activation: str


class DotTerms(NamedTuple):
    """A biased dot product to be added to outputs; the last rows are those of the unknown."""

    user_factors: Floats  # (n_users + 1, k)
    item_factors: Floats  # (n_items + 1, k)
    user_bias: Floats  # (n_users + 1,)
    item_bias: Floats  # (n_items + 1,)
    shares: Floats  # (n_outputs,) how much of it each output has


def prediction_layers(trunk: Sequential) -> list[PredictionLayer]:
    """Return the dense layers of a trunk as they predict.

    Parameters
    ----------
    trunk : Sequential
        Of dense layers, batch norms behind them, activations and dropout.

    Returns
    -------
    list of PredictionLayer
    """
    layers: list[PredictionLayer] = []
    for layer in trunk.layers:
        if isinstance(layer, Dense):
            weights = layer.weights.value.astype(np.float32)
            bias = np.zeros(weights.shape[1], np.float32)
            if layer.bias is not None:
                bias[...] = layer.bias.value
            layers.append(PredictionLayer(weights, bias, layer.activation.name))
        elif isinstance(layer, BatchNorm):
            weights, bias, activation = layers[-1]
            root = np.sqrt(layer.variance.value.astype(np.float64) + layer.epsilon)
            scale = layer.scale.value / root
            shift = layer.shift.value + (bias - layer.mean.value) * scale
            folded = (weights * scale).astype(np.float32)
            layers[-1] = PredictionLayer(folded, shift.astype(np.float32), activation)
        elif isinstance(layer, Activate):
            layers[-1] = layers[-1]._replace(activation=layer.activation.name)
        else:
            assert isinstance(layer, Dropout), layer
    return layers


class PairPredictor:
    """Outputs of a network for pairs, and for a user with all items.

    Parameters
    ----------
    user_columns, item_columns : (n_users + 1, a), (n_items + 1, b) float32
        What the first layer takes of a user and of an item, in this order; the last rows are
        those of the unknown.
    layers : sequence of PredictionLayer
        At least one.
    dot : DotTerms, optional
        Added to the output.
    """

    def __init__(
        self,
        user_columns: Floats,
        item_columns: Floats,
        layers: Sequence[PredictionLayer],
        dot: DotTerms | None = None,
    ) -> None:
        first = layers[0]
        # Copies: kernels are compiled for arrays that may be written, those of a file may not.
        self._rest = [layer._replace(bias=np.array(layer.bias)) for layer in layers[1:]]
        self._activation = ACTIVATIONS[first.activation]
        split = user_columns.shape[1]
        self._users, self._user_weights = user_columns, np.ascontiguousarray(first.weights[:split])
        self._user_half: Floats | None = None
        with one_blas_thread():
            self._item_half = item_columns @ np.ascontiguousarray(first.weights[split:])
            if len(user_columns) * first.weights.shape[1] <= _MOST_KEPT:
                self._user_half = user_columns @ self._user_weights
        self._item_half += first.bias
        self._dot = dot
        self.n_items = len(item_columns) - 1
        self.n_outputs = int(layers[-1].weights.shape[1])

    def outputs(self, user_index: Index, item_index: Index) -> Floats:
        """Return the network's outputs for pairs.

        Parameters
        ----------
        user_index, item_index : (m,) int32
            -1 for the unknown.

        Returns
        -------
        (m, n_outputs) float32
        """
        m = len(user_index)
        out = np.empty((m, self.n_outputs), np.float32)
        x, of_items = self._tile(), self._tile()
        users, items = np.zeros((2, TILE), np.intp)
        with one_blas_thread():
            for start in range(0, m, TILE):
                n = min(TILE, m - start)
                users[:n], items[:n] = user_index[start : start + n], item_index[start : start + n]
                self._take_users(users, x)
                np.take(self._item_half, items, axis=0, out=of_items, mode="wrap")
                x += of_items
                out[start : start + n] = self._through(x)[:n]
        if self._dot is not None:
            self._add_dots(user_index, item_index, out)
        return out

    def _add_dots(self, user_index: Index, item_index: Index, out: Floats) -> None:
        dot = self._dot
        assert dot is not None
        for start in range(0, len(out), TILE):
            part = slice(start, start + TILE)
            users, items = user_index[part], item_index[part]
            score = np.einsum("ij,ij->i", dot.user_factors[users], dot.item_factors[items])
            score += dot.user_bias[users]
            score += dot.item_bias[items]
            out[part] += score[:, np.newaxis] * dot.shares

    def all_items(self, user: int) -> Floats:
        """Return the outputs for one user with every item; enter `one_blas_thread` before.

        Parameters
        ----------
        user : int
            -1 for an unknown one.

        Returns
        -------
        (n_items, n_outputs) float32
        """
        out = np.empty((self.n_items, self.n_outputs), np.float32)
        x = self._tile()
        self._take_users(np.full(TILE, user, np.intp), x)
        row = x[0].copy()
        for start in range(0, self.n_items, TILE):
            n = min(TILE, self.n_items - start)
            np.add(self._item_half[start : start + n], row, out=x[:n])
            out[start : start + n] = self._through(x)[:n]
        if self._dot is not None:
            users, items = np.full(self.n_items, user, np.int32), np.arange(self.n_items)
            self._add_dots(users, items.astype(np.int32), out)
        return out

    def _take_users(self, users: NDArray[np.intp], out: Floats) -> None:
        """Write the halves of a tile of users."""
        if self._user_half is not None:
            np.take(self._user_half, users, axis=0, out=out, mode="wrap")
        else:
            np.matmul(self._users[users], self._user_weights, out=out)

    def _tile(self) -> Floats:
        # Zeros, not whatever memory held: what fills a tile up must not be NaN or slow.
        return np.zeros((TILE, self._item_half.shape[1]), np.float32)

    def _through(self, x: Floats) -> Floats:
        """Take a tile through the first activation and the other layers."""
        self._activation.apply(x)
        for layer in self._rest:
            x = x @ layer.weights
            ACTIVATIONS[layer.activation].forward(x, layer.bias)
        return x

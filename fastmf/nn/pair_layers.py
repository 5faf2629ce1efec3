"""The layers behind two embeddings, as compiled steps take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.networks import pair_norms as kernels
from fastmf.kernels.networks.pair_norms import Norms
from fastmf.kernels.networks.pair_turns import TILE
from fastmf.kernels.products import panels_size
from fastmf.kernels.vectors import WIDTH
from fastmf.nn.activations import IDENTITY, RELU, Activate
from fastmf.nn.dropout import Dropout
from fastmf.nn.fused import can_be_fused, chain_of
from fastmf.nn.layers import Dense, Layer
from fastmf.nn.normalization import BatchNorm

__all__ = ["PairLayers"]

Array = NDArray[Any]


class _Normed(NamedTuple):
    """A norm, the dropout behind its rectifier, and the dense layer behind that."""

    norm: BatchNorm
    drop: Dropout | None
    dense: Dense


class PairLayers:
    """The layers.

    See `fastmf.kernels.networks.pair_shards` and `fastmf.kernels.networks.pair_turns`.

    Parameters
    ----------
    first : Dense
        The layer that takes both embeddings.
    others : sequence of Dense or Dropout, or of _Normed
        What follows: a chain, or norms.
    starts : dict of int to int
        Where parameters begin in a flat array, by their `id`.

    Attributes
    ----------
    width, stride, bias, rectified, chain, norms, packs, thresholds, scales, widest
        See `fastmf.kernels.networks.pair_shards.Layers`.
    drops : dict of int to int
        The numbers of dropouts, by the step of the chain or the number of the norm.
    weights_at : int
        Where the first layer's weights begin.
    n_keys : int
        Keys of dropouts in a batch.
    n_packed : int
        Floats of all that is packed.
    packed_at : tuple of int
        Where the transposes of both halves of the first layer's weights are.
    n_columns : int
        Floats of a row of the batch: of its room; and of terms and moments, where there are norms.
    """

    def __init__(
        self, first: Dense, others: Sequence[Any], starts: dict[int, int], n_inputs: int
    ) -> None:
        self.width, self.stride = first.n_outputs, _padded(first.n_outputs)
        self.bias = -1 if first.bias is None else starts[id(first.bias)]
        self.rectified = first.activation is RELU
        self.weights_at, half = starts[id(first.weights)], n_inputs // 2
        self._n_weights_in_panels = int(panels_size.py_func(half, self.width))
        self._normed = [one for one in others if isinstance(one, _Normed)]
        layers = [] if self._normed else list(others)
        chain = chain_of(layers, starts, self.width, np.float32)
        drops = [one.drop for one in self._normed] if self._normed else layers
        rates = np.array([getattr(drop, "rate", 0.0) for drop in drops])
        self.drops = {
            place: drop.number for place, drop in enumerate(drops) if isinstance(drop, Dropout)
        }
        self.thresholds = (rates * 2**32).astype(np.uint32)
        self.scales = (1 / (1 - rates)).astype(np.float32)
        self.chain, self.widest, self.n_keys = chain.steps, chain.widest, len(drops)
        self.n_columns = self.width + chain.n_columns
        self._packs: list[tuple[int, ...]] = []
        self.n_packed = 0
        self.packed_at = tuple(
            self._pack(self.weights_at + number * half * self.width, half, self.width, turned=True)
            for number in range(2)
        )
        self.norms = frozen(self._table(starts))
        self.packs = frozen(np.array(self._packs, np.int64))

    def _pack(self, at: int, rows: int, columns: int, *, turned: bool) -> int:
        """Have weights packed in each step; return where to."""
        k, n = (columns, rows) if turned else (rows, columns)
        to = self.n_packed
        self._packs.append((at, columns, int(turned), k, n, to))
        self.n_packed += int(panels_size.py_func(k, n))
        return to

    def _table(self, starts: dict[int, int]) -> Array:
        """Return the table of norms."""
        table = np.full((len(self._normed), kernels.COLUMNS), -1, np.int64)
        at = 0
        for row, (norm, _, dense) in zip(table, self._normed, strict=True):
            width, weights = norm.n_outputs, starts[id(dense.weights)]
            row[kernels.WIDTH], row[kernels.STRIDE] = width, _padded(width)
            row[kernels.AT] = at
            row[kernels.SCALE], row[kernels.SHIFT] = starts[id(norm.scale)], starts[id(norm.shift)]
            row[kernels.WEIGHTS] = weights
            if dense.bias is not None:
                row[kernels.BIAS] = starts[id(dense.bias)]
            if dense is not self._normed[-1].dense:
                sizes = weights, width, dense.n_outputs
                row[kernels.PACKED] = self._pack(*sizes, turned=False)
                row[kernels.PACKED_BACK] = self._pack(*sizes, turned=True)
            at += _padded(width)
        if self._normed:
            self.n_columns = at
        return table

    @property
    def has_norms(self) -> bool:
        """Whether there are norms."""
        return bool(self._normed)

    def n_scratch(self, rows: int) -> int:
        """Return the floats of scratch memory that a thread needs.

        Parameters
        ----------
        rows : int
            Of a task at most.
        """
        panels = panels_size.py_func
        needs = [panels(rows, self.width), self._n_weights_in_panels]
        needs += [self.n_packed, rows * (1 + 2 * self.widest)]
        if self._normed:
            widths = [_padded(one.norm.n_outputs) for one in self._normed]
            tile = TILE * (max(widths) + WIDTH)
            needs.append(tile + panels(TILE, max(widths)) + TILE + 5 * max(widths))
        return int(max(needs))

    @classmethod
    def of(
        cls, layers: Sequence[Layer], n_inputs: int, starts: dict[int, int]
    ) -> PairLayers | None:
        """Return the layers of a network; None where compiled steps cannot take them.

        Parameters
        ----------
        layers : sequence of Layer
        n_inputs : int
            Of the first.
        starts : dict of int to int
            Where parameters begin in a flat array, by their `id`.

        Returns
        -------
        PairLayers or None
        """
        if not layers or not isinstance(layers[0], Dense) or not can_be_fused(layers[0]):
            return None
        first, others = layers[0], list(layers[1:])
        normed = any(isinstance(layer, BatchNorm) for layer in others)
        found: list[Any] | None = _normed(others) if normed else _chained(others)
        if not found:
            return None
        output = getattr(found[-1], "dense", found[-1])
        if not isinstance(output, Dense) or output.n_outputs != 1 or first.n_inputs != n_inputs:
            return None
        is_plain = first.bias is None and first.activation is IDENTITY
        # A norm follows the first layer, or there is none: so stacks are made.
        return cls(first, found, starts, n_inputs) if is_plain or not normed else None

    def norm_state(self) -> Norms:
        """Return the running statistics of all norms, side by side."""
        means, variances = np.zeros((2, self.n_columns), np.float32)
        momentum, epsilon = 0.0, 1.0
        for norm, part in self._parts():
            means[part], variances[part] = norm.mean.value, norm.variance.value
            momentum, epsilon = norm.momentum, norm.epsilon
        return Norms(means, variances, momentum, epsilon)

    def take_statistics(self, norms: Norms) -> None:
        """Give the norms their running statistics back.

        Parameters
        ----------
        norms : Norms
        """
        for norm, part in self._parts():
            norm.mean.assign(norms.means[part])
            norm.variance.assign(norms.variances[part])

    def _parts(self) -> Iterator[tuple[BatchNorm, slice]]:
        """Yield each norm with its columns."""
        for one, row in zip(self._normed, self.norms, strict=True):
            yield one.norm, slice(row[kernels.AT], row[kernels.AT] + row[kernels.WIDTH])


def _padded(width: int) -> int:
    """Return the floats that a row of some columns takes."""
    return -(-width // WIDTH) * WIDTH


def _chained(layers: Sequence[Layer]) -> list[Any] | None:
    """Return the layers of a chain; None where there is one that compiled steps do not know."""
    if not all(isinstance(layer, Dropout) or can_be_fused(layer) for layer in layers):
        return None
    return [layer for layer in layers if can_be_fused(layer)]


def _normed(layers: Sequence[Layer]) -> list[Any] | None:
    """Cut layers at norms; None where there is one that compiled steps do not know."""
    found: list[_Normed] = []
    left: list[Any] = list(layers)
    while left:
        norm, rectifier = left.pop(0), left.pop(0) if left else None
        drop = left.pop(0) if left and isinstance(left[0], Dropout) else None
        dense = left.pop(0) if left else None
        if (
            not isinstance(norm, BatchNorm)
            or not (isinstance(rectifier, Activate) and rectifier.activation is RELU)
            or not (isinstance(dense, Dense) and dense.activation is IDENTITY)
            or (left and dense.bias is not None)
        ):
            return None
        found.append(_Normed(norm, drop, dense))
    settings = {(one.norm.momentum, one.norm.epsilon) for one in found}
    return found if len(settings) == 1 else None

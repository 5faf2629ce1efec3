"""The layers behind two embeddings, as compiled steps take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels import pair_shards as kernels
from fastmf.kernels.pair_norms import Norms
from fastmf.nn.activations import IDENTITY, RELU, Activate
from fastmf.nn.dropout import Dropout
from fastmf.nn.fused import Chain, can_be_fused, chain_of
from fastmf.nn.layers import Dense, Layer
from fastmf.nn.normalization import BatchNorm

__all__ = ["PairLayers"]

Array = NDArray[Any]


class _Segment:
    """An entry, and the layers of a chain."""

    def __init__(self, rectified: bool, norm: BatchNorm | None = None) -> None:
        self.rectified, self.norm = rectified, norm
        self.drop: Dropout | None = None
        self.layers: list[Any] = []


class PairLayers:
    """Segments of layers; see `fastmf.kernels.pair_shards`.

    Parameters
    ----------
    first : Dense
        The layer that takes both embeddings.
    segments : sequence of _Segment
    starts : dict of int to int
        Where parameters begin in a flat array, by their `id`.

    Attributes
    ----------
    segments, chain, thresholds, scales : ndarray
        See `fastmf.kernels.pair_shards.Layers`.
    drops : dict of int to int
        The numbers of dropouts, by their steps.
    n_first : int
        Outputs of the first layer.
    weights_at : int
        Where its weights begin.
    n_columns, n_scratch, n_slopes, n_norms : int
        Floats that a row needs: of its room, of scratch memory, of slopes; and columns of all
        norms.
    widest : int
    """

    def __init__(self, first: Dense, segments: Sequence[_Segment], starts: dict[int, int]) -> None:
        self.n_first, self.weights_at = first.n_outputs, starts[id(first.weights)]
        self._norms = [segment.norm for segment in segments if segment.norm is not None]
        self.n_norms = sum(norm.n_outputs for norm in self._norms)
        table = np.full((len(segments), kernels.COLUMNS), -1, np.int64)
        chains: list[Chain] = []
        width = first.n_outputs
        for segment in segments:
            chains.append(chain_of(segment.layers, starts, width, np.float32))
            width = chains[-1].n_outputs
        entries = [segment.drop for segment in segments]
        own = chain_of([drop for drop in entries if drop is not None], starts, 0, np.float32)
        all_chains = [*chains, own]
        self.chain = frozen(np.concatenate([chain.steps for chain in all_chains]))
        self.thresholds = np.concatenate([chain.thresholds for chain in all_chains])
        self.scales = np.concatenate([chain.scales for chain in all_chains])
        self.widest = max(chain.widest for chain in chains)
        layers = [*(one for segment in segments for one in segment.layers), *filter(None, entries)]
        self.drops = {
            step: layer.number for step, layer in enumerate(layers) if isinstance(layer, Dropout)
        }
        self.n_columns = self.n_slopes = 0
        self._fill(table, first, segments, chains, starts)
        self.segments = frozen(table)
        self.n_scratch = max(1 + 2 * self.widest, self.n_first)

    def _fill(
        self,
        table: Array,
        first: Dense,
        segments: Sequence[_Segment],
        chains: Sequence[Chain],
        starts: dict[int, int],
    ) -> None:
        """Write the table of segments."""
        step, drop_step, norm_at = 0, sum(len(chain.steps) for chain in chains), 0
        for row, segment, chain in zip(table, segments, chains, strict=True):
            width = chain.n_inputs
            row[kernels.ENTRY], row[kernels.RECTIFIED] = width, segment.rectified
            row[kernels.FIRST], row[kernels.LAST] = step, step + len(chain.steps)
            row[kernels.OUTPUT], row[kernels.CHAIN] = self.n_columns, self.n_columns + width
            row[kernels.SLOPES] = self.n_slopes
            step += len(chain.steps)
            self.n_columns += width + chain.n_columns
            if len(chain.steps):  # else they are those of the norm that follows
                self.n_slopes += width
            if segment.drop is not None:
                row[kernels.DROP] = drop_step
                drop_step += 1
            if segment.norm is None:
                row[kernels.BIAS] = -1 if first.bias is None else starts[id(first.bias)]
            else:
                row[kernels.SCALE] = starts[id(segment.norm.scale)]
                row[kernels.SHIFT] = starts[id(segment.norm.shift)]
                row[kernels.NORM] = norm_at
                norm_at += width

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
        first = layers[0]
        segments = _segments(first, layers[1:])
        if first.n_inputs != n_inputs or segments is None:
            return None
        last = segments[-1].layers[-1:]
        if not last or not isinstance(last[0], Dense) or last[0].n_outputs != 1:
            return None
        is_plain = first.bias is None and first.activation is IDENTITY and not segments[0].layers
        # A norm follows the first layer, or there is none: so stacks are made.
        return cls(first, segments, starts) if len(segments) == 1 or is_plain else None

    def norms(self) -> Norms:
        """Return the running statistics of all norms, side by side."""
        norms = self._norms
        means = [norm.mean.value for norm in norms] or [np.zeros(0, np.float32)]
        variances = [norm.variance.value for norm in norms] or [np.zeros(0, np.float32)]
        momentum, epsilon = (norms[0].momentum, norms[0].epsilon) if norms else (0.0, 1.0)
        return Norms(np.concatenate(means), np.concatenate(variances), momentum, epsilon)

    def take_statistics(self, norms: Norms) -> None:
        """Give the norms their running statistics back.

        Parameters
        ----------
        norms : Norms
        """
        at = 0
        for norm in self._norms:
            end = at + norm.n_outputs
            norm.mean.assign(norms.means[at:end])
            norm.variance.assign(norms.variances[at:end])
            at = end


def _segments(first: Dense, layers: Sequence[Layer]) -> list[_Segment] | None:
    """Cut layers at norms; None where there is one that compiled steps do not know."""
    segments = [_Segment(first.activation is RELU)]
    left = list(layers)
    while left:
        layer = left.pop(0)
        if isinstance(layer, BatchNorm):
            segment = _Segment(rectified=True, norm=layer)
            segments.append(segment)
            if not left or not _is_rectifier(left.pop(0)):
                return None
            if left and isinstance(left[0], Dropout) and left[0].rate > 0:
                segment.drop = left.pop(0)  # type: ignore[assignment]
        elif can_be_fused(layer):
            segments[-1].layers.append(layer)
        elif not isinstance(layer, Dropout):
            return None
    settings = {(one.norm.momentum, one.norm.epsilon) for one in segments if one.norm is not None}
    return segments if len(settings) <= 1 else None


def _is_rectifier(layer: Layer) -> bool:
    return isinstance(layer, Activate) and layer.activation is RELU

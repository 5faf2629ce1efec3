"""The dense part of AutoRec's network, a whole batch forward, then a whole batch back.

`fastmf.nn.sequential.Sequential.run` takes a shard forward and back in one go. Here the way
between, from codes to their gradients, is cut by units instead of by rows: all shards wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.nn.layers import Layer
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.tape import Tape
from fastmf.parallel import Team

__all__ = ["TrunkPass"]

Array = NDArray[Any]
Sink = Callable[[Array, Tape], None]


class TrunkPass:
    """A pass of one batch through layers, cut into shards.

    Parameters
    ----------
    layers : sequence of Layer
    tapes : sequence of Tape
        One for each shard, in order, each with a workspace of its own.
    team : Team
    """

    def __init__(self, layers: Sequence[Layer], tapes: Sequence[Tape], team: Team) -> None:
        # Each segment but the first begins at a norm, for which all shards have to be summed up.
        self._segments: list[list[Layer]] = [[]]
        for layer in layers:
            if isinstance(layer, BatchNorm):
                self._segments.append([])
            self._segments[-1].append(layer)
        self._tapes, self._team = tapes, team
        # What a shard, by its first row, hands from one segment to the next.
        self._handed: dict[int, Array] = {}

    def forward(self, x: Array, sink: Sink) -> None:
        """Take all rows forward.

        Parameters
        ----------
        x : ndarray
            (n_batch, n_inputs).
        sink : callable
            Takes the output (m, n_outputs) of each shard.
        """
        self._handed = {tape.rows.start: x[tape.rows] for tape in self._tapes}
        for layers in self._segments:
            if layers and isinstance(norm := layers[0], BatchNorm):
                self._work(partial(self._run, [], norm.sum_forward))
                norm.combine_forward(self._tapes)
            last = layers is self._segments[-1]
            self._work(partial(self._run, layers, sink if last else None))

    def backward(self, dy: Array, sink: Sink) -> None:
        """Take all rows back, and assign the gradients of the parameters.

        Parameters
        ----------
        dy : ndarray
            (n_batch, n_outputs), may be overwritten.
        sink : callable
            Takes the gradient (m, n_inputs) of each shard.
        """
        self._handed = {tape.rows.start: dy[tape.rows] for tape in self._tapes}
        for number in range(len(self._segments) - 1, -1, -1):
            layers = self._segments[number]
            if layers and isinstance(norm := layers[0], BatchNorm):
                self._work(partial(self._run_back, layers[1:], norm.sum_backward))
                norm.combine_backward(self._tapes)
                layers = [norm]
            self._work(partial(self._run_back, layers, None if number else sink))

    def _run(self, layers: Sequence[Layer], sink: Sink | None, tape: Tape) -> None:
        y = self._handed[tape.rows.start]
        for layer in layers:
            y = layer.forward(y, tape)
        self._handed[tape.rows.start] = y
        if sink is not None:
            sink(y, tape)

    def _run_back(self, layers: Sequence[Layer], sink: Sink | None, tape: Tape) -> None:
        dx = self._handed[tape.rows.start]
        for layer in reversed(layers):
            dx = layer.backward(dx, tape)
        self._handed[tape.rows.start] = dx
        if sink is not None:
            sink(dx, tape)

    def _work(self, function: Callable[[Tape], None]) -> None:
        """Run a function on every shard, silent about overflows: the loop tells of divergence."""

        def quietly(tape: Tape) -> None:
            with np.errstate(all="ignore"):
                function(tape)

        self._team.work(quietly, self._tapes)

"""Layers one after another, run shard by shard with barriers where a batch norm needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.errors import ParameterError
from fastmf.nn.activations import Activate, activation_named
from fastmf.nn.dropout import Dropout
from fastmf.nn.fused import fused
from fastmf.nn.layers import Dense, Layer
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.parameters import Parameter
from fastmf.nn.tape import Tape
from fastmf.parallel import Team

__all__ = ["Sequential", "dense_stack"]

Array = NDArray[Any]


class Sequential:
    """Layers one after another; none at all is the identity.

    Parameters
    ----------
    layers : iterable of Layer
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = tuple(layers)
        # A segment runs without looking at other shards; each but the first begins at a norm.
        self._segments: list[list[Layer]] = [[]]
        for layer in self.layers:
            if isinstance(layer, BatchNorm):
                self._segments.append([])
            self._segments[-1].append(layer)
        self._segments = [fused(segment) for segment in self._segments]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What training changes, layer by layer."""
        return tuple(one for layer in self.layers for one in layer.parameters)

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """Running statistics of batch norms."""
        norms = [layer for layer in self.layers if isinstance(layer, BatchNorm)]
        return tuple(one for norm in norms for one in norm.statistics)

    @property
    def is_local(self) -> bool:
        """Whether a shard can go forward and back without the others."""
        return len(self._segments) == 1

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return the output of one shard, where the tape does not train or the network is local.

        Parameters
        ----------
        x : ndarray
            (m, n_inputs).
        tape : Tape

        Returns
        -------
        ndarray
            (m, n_outputs).
        """
        for layer in self.layers:
            x = layer.forward(x, tape)
        return x

    def run(
        self,
        tapes: Sequence[Tape],
        team: Team,
        source: Callable[[Tape], Array],
        head: Callable[[Array, Tape], Array],
        sink: Callable[[Array, Tape], None],
    ) -> None:
        """Take a whole batch forward and back, shards in parallel.

        Parameters
        ----------
        tapes : sequence of Tape
            One for each shard, in order. Each has a workspace of its own, unless the network is
            local: a workspace may then serve a thread.
        team : Team
        source : callable
            Returns the input (m, n_inputs) of a shard.
        head : callable
            Takes the output (m, n_outputs) of a shard, and returns the gradient by it.
        sink : callable
            Takes the gradient (m, n_inputs) by the input of a shard.
        """
        if self.is_local:
            (layers,) = self._segments

            def whole(tape: Tape) -> None:
                x = source(tape)
                for layer in layers:
                    x = layer.forward(x, tape)
                dy = head(x, tape)
                for layer in reversed(layers):
                    dy = layer.backward(dy, tape)
                sink(dy, tape)

            _work(team, whole, tapes)
            return
        _Barriers(self._segments, source, head, sink).run(tapes, team)


class _Barriers:
    """A pass through segments, of which each but the first begins at a norm."""

    def __init__(
        self,
        segments: list[list[Layer]],
        source: Callable[[Tape], Array],
        head: Callable[[Array, Tape], Array],
        sink: Callable[[Array, Tape], None],
    ) -> None:
        self._segments, self._source, self._head, self._sink = segments, source, head, sink
        self._norms = [norm for norm, *_ in segments[1:] if isinstance(norm, BatchNorm)]
        # What a shard, by its first row, hands from one segment to the next.
        self._handed: dict[int, Array] = {}

    def run(self, tapes: Sequence[Tape], team: Team) -> None:
        last = len(self._norms)
        for number, norm in enumerate(self._norms):
            _work(team, partial(self._to_norm, number), tapes)
            norm.combine_forward(tapes)
        _work(team, partial(self._turn, last), tapes)
        for number in range(last, 0, -1):
            self._norms[number - 1].combine_backward(tapes)
            _work(team, partial(self._from_norm, number), tapes)

    def _to_norm(self, number: int, tape: Tape) -> None:
        x = self._forward(number, tape)
        self._norms[number].sum_forward(x, tape)
        self._handed[tape.rows.start] = x

    def _turn(self, last: int, tape: Tape) -> None:
        self._backward(last, self._head(self._forward(last, tape), tape), tape)

    def _from_norm(self, number: int, tape: Tape) -> None:
        dy = self._norms[number - 1].backward(self._handed[tape.rows.start], tape)
        self._backward(number - 1, dy, tape)

    def _forward(self, number: int, tape: Tape) -> Array:
        x = self._handed[tape.rows.start] if number else self._source(tape)
        for layer in self._segments[number]:
            x = layer.forward(x, tape)
        return x

    def _backward(self, number: int, dy: Array, tape: Tape) -> None:
        """Run a segment back to behind its norm, and sum up for that."""
        segment = self._segments[number]
        for layer in reversed(segment[1:] if number else segment):
            dy = layer.backward(dy, tape)
        if number:
            self._norms[number - 1].sum_backward(dy, tape)
            self._handed[tape.rows.start] = dy
        else:
            self._sink(dy, tape)


def _work(team: Team, function: Callable[[Tape], None], tapes: Sequence[Tape]) -> None:
    """Run a function on every shard, silent about overflows: the learner tells of divergence."""

    def quietly(tape: Tape) -> None:
        with np.errstate(all="ignore"):
            function(tape)

    team.work(quietly, tapes)


def dense_stack(
    n_inputs: int,
    hidden: Sequence[int],
    *,
    generator: np.random.Generator,
    n_outputs: int = 1,
    activation: str = "relu",
    initial: str | None = None,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    batch_norm: bool = False,
    name: str = "dense",
) -> Sequential:
    """Make hidden layers and an output layer without activation.

    Each hidden layer is weights and bias, batch norm where wanted, activation, dropout.

    Parameters
    ----------
    n_inputs : int
    hidden : sequence of int
        Units of the hidden layers; none makes one linear layer.
    generator : numpy.random.Generator
        Draws the weights, in the order of the layers.
    n_outputs : int, optional
        Units of the output layer; 0 leaves it out.
    activation : str, optional
        Of the hidden layers; see `fastmf.nn.activations.activation_named`.
    initial : str, optional
        Weights of the hidden layers; default what suits the activation. The output layer has
        Glorot's.
    dropout : float, optional
        Behind each hidden layer.
    input_dropout : float, optional
        In front of the first layer.
    batch_norm : bool, optional
    name : str, optional
        Layers are ``name.1``, ``name.2``, ...

    Returns
    -------
    Sequential

    Raises
    ------
    ParameterError
        If a size, a name or a rate is outside its limits.
    """
    function = activation_named(activation)
    layers: list[Layer] = []
    if input_dropout:
        layers.append(Dropout(input_dropout, number=0))
    for number, units in enumerate(hidden, 1):
        _check_units(units, number)
        drawn: dict[str, Any] = {
            "generator": generator,
            "initial": initial or function.initial,
            "name": f"{name}.{number}",
        }
        if batch_norm:
            layers += [
                Dense(n_inputs, units, bias=False, **drawn),
                BatchNorm(units, name=f"{name}.{number}"),
                Activate(function),
            ]
        else:
            layers.append(Dense(n_inputs, units, activation=function, **drawn))
        if dropout:
            layers.append(Dropout(dropout, number=number))
        n_inputs = units
    if n_outputs:
        last = f"{name}.{len(hidden) + 1}"
        layers.append(Dense(n_inputs, n_outputs, generator=generator, name=last))
    return Sequential(layers)


def _check_units(units: Any, number: int) -> None:
    if isinstance(units, bool) or not hasattr(units, "__index__") or units < 1:
        raise ParameterError(
            f"hidden layer {number} has {units!r} units, but it must be a whole number of at least "
            "1; leave the layer out"
        )

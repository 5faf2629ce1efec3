"""What a layer is, and the dense one."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastmf.nn.activations import IDENTITY, Activation
from fastmf.nn.initial import initial_weights
from fastmf.nn.parameters import Parameter
from fastmf.nn.tape import Tape

__all__ = ["Dense", "Layer"]

Array = NDArray[Any]


class Layer(Protocol):
    """A function of rows, with its derivative.

    Layers keep nothing between calls but their parameters: what the way back needs of the way
    forward lies in the tape, so that shards run in several threads.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What training changes."""

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return the output of a shard.

        Parameters
        ----------
        x : ndarray
            (m, n_inputs), left as it is and needed until the way back is done.
        tape : Tape

        Returns
        -------
        ndarray
            (m, n_outputs) in the tape's memory.
        """

    def backward(self, dy: Array, tape: Tape) -> Array:
        """Assign the gradients of the parameters, and return that of the input.

        Parameters
        ----------
        dy : ndarray
            (m, n_outputs) gradient of the loss by the output; may be overwritten.
        tape : Tape
            As `forward` left it.

        Returns
        -------
        ndarray
            (m, n_inputs) in the tape's memory.
        """


class Dense:
    """Weights, a bias and an activation: ``y = f(x @ weights + bias)``.

    Parameters
    ----------
    n_inputs, n_outputs : int
    generator : numpy.random.Generator
        Draws the weights; biases start at zero.
    initial : str, optional
        How they are drawn; see `fastmf.nn.initial.initial_weights`.
    activation : Activation, optional
        ``f``; default none.
    name : str, optional
        Of the parameters: ``name.weights`` (n_inputs, n_outputs) and ``name.bias`` (n_outputs,).
    bias : bool, optional
        Whether there is a bias; default yes. A layer in front of a batch norm needs none.
    input_gradient : bool, optional
        False where nothing in front of this layer learns: `backward` then returns an array of
        zero columns.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        generator: np.random.Generator,
        initial: str = "glorot",
        activation: Activation = IDENTITY,
        name: str = "dense",
        bias: bool = True,
        input_gradient: bool = True,
    ) -> None:
        self.n_inputs, self.n_outputs = n_inputs, n_outputs
        self.activation, self.input_gradient = activation, input_gradient
        weights = initial_weights(generator, n_inputs, n_outputs, initial)
        self.weights = Parameter(f"{name}.weights", weights, decays=True)
        zeros = np.zeros(n_outputs, np.float32)
        self.bias = Parameter(f"{name}.bias", zeros, decays=False) if bias else None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Weights, and the bias where there is one."""
        return (self.weights,) if self.bias is None else (self.weights, self.bias)

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return ``f(x @ weights + bias)``; see `Layer.forward`."""
        y = tape.buffer(self, "y", (len(x), self.n_outputs))
        np.matmul(x, self.weights.value, out=y)
        self.activation.forward(y, None if self.bias is None else self.bias.value)
        if tape.training:
            tape.keep(self, "x, y", (x, y))
        return y

    def backward(self, dy: Array, tape: Tape) -> Array:
        """Return ``(dy * f') @ weights.T``; see `Layer.backward`."""
        x, y = tape.kept(self, "x, y")
        self.activation.backward(dy, y, None if self.bias is None else tape.gradient(self.bias))
        np.matmul(x.T, dy, out=tape.gradient(self.weights))
        if not self.input_gradient:
            return tape.buffer(self, "dx", (len(x), 0))
        # Of one column, an outer product: BLAS takes seven times as long for it.
        times = np.multiply if self.n_outputs == 1 else np.matmul
        return times(dy, self.weights.value.T, out=tape.buffer(self, "dx", x.shape))

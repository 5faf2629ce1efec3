"""Activations: a function of each element whose derivative can be told from its value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.choices import check_choice
from fastmf.kernels.networks.activations import (
    add_bias,
    add_bias_relu,
    column_sums,
    relu_gradient,
)
from fastmf.nn.parameters import Parameter
from fastmf.nn.tape import Tape

__all__ = [
    "ACTIVATIONS",
    "IDENTITY",
    "RELU",
    "SELU",
    "SIGMOID",
    "TANH",
    "Activate",
    "Activation",
    "activation_named",
]

Array = NDArray[Any]

# Klambauer et al. (2017), "Self-normalizing neural networks", equation 14.
_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772


class Activation:
    """The identity, and what the others are children of.

    Attributes
    ----------
    name : str
    initial : str
        The initial weights that suit a layer with this activation.
    """

    name = "linear"
    initial = "glorot"

    def forward(self, z: Array, bias: Array | None) -> None:
        """Turn ``z`` into ``f(z + bias)``, in place.

        Parameters
        ----------
        z : ndarray
            (m, n), C-contiguous.
        bias : ndarray or None
            (n,).
        """
        if bias is not None:
            add_bias(z, bias)
        self.apply(z)

    def backward(self, dy: Array, y: Array, bias_gradient: Array | None) -> None:
        """Turn ``dy`` into ``dy * f'``, in place, and sum it over the rows.

        Parameters
        ----------
        dy : ndarray
            (m, n) gradient by the output, C-contiguous.
        y : ndarray
            (m, n) what `forward` made.
        bias_gradient : ndarray or None
            (n,) assigned the sum over the rows.
        """
        self.derive(dy, y)
        if bias_gradient is not None:
            column_sums(dy, bias_gradient)

    def apply(self, z: Array) -> None:
        """Turn ``z`` into ``f(z)``, in place."""

    def derive(self, dy: Array, y: Array) -> None:
        """Turn ``dy`` into ``dy * f'`` where ``y`` is ``f``, in place.

        Parameters
        ----------
        dy, y : ndarray
            (m, n).
        """


class ReLU(Activation):
    """The positive part."""

    name, initial = "relu", "he"

    def forward(self, z: Array, bias: Array | None) -> None:
        """See `Activation.forward`."""
        if bias is None:
            self.apply(z)
        else:
            add_bias_relu(z, bias)

    def backward(self, dy: Array, y: Array, bias_gradient: Array | None) -> None:
        """See `Activation.backward`."""
        if bias_gradient is None:
            self.derive(dy, y)
        else:
            relu_gradient(dy, y, bias_gradient)

    def apply(self, z: Array) -> None:
        """Turn ``z`` into ``max(z, 0)``, in place."""
        np.maximum(z, 0, out=z)

    def derive(self, dy: Array, y: Array) -> None:
        """See `Activation.derive`; 0 at 0."""
        dy[y <= 0] = 0


class Sigmoid(Activation):
    """``1 / (1 + exp(-z))``."""

    name = "sigmoid"

    def apply(self, z: Array) -> None:
        """Turn ``z`` into its sigmoid, in place: by tanh, which does not overflow."""
        z *= 0.5
        np.tanh(z, out=z)
        z += 1
        z *= 0.5

    def derive(self, dy: Array, y: Array) -> None:
        """See `Activation.derive`."""
        dy *= y
        dy *= 1 - y


class Tanh(Activation):
    """The hyperbolic tangent."""

    name = "tanh"

    def apply(self, z: Array) -> None:
        """Turn ``z`` into its hyperbolic tangent, in place."""
        np.tanh(z, out=z)

    def derive(self, dy: Array, y: Array) -> None:
        """See `Activation.derive`."""
        dy *= 1 - y * y


class ScaledExponential(Activation):
    """Scaled exponential linear unit: keeps mean 0 and variance 1 from layer to layer."""

    name, initial = "selu", "lecun"

    def apply(self, z: Array) -> None:
        """Turn ``z`` into its SELU, in place."""
        negative = np.expm1(np.minimum(z, 0))
        negative *= _SELU_SCALE * _SELU_ALPHA
        np.maximum(z, 0, out=z)
        z *= _SELU_SCALE
        z += negative

    def derive(self, dy: Array, y: Array) -> None:
        """See `Activation.derive`; at 0 the slope from the left."""
        dy *= np.where(y > 0, y.dtype.type(_SELU_SCALE), y + _SELU_SCALE * _SELU_ALPHA)


IDENTITY, RELU, SIGMOID, TANH, SELU = Activation(), ReLU(), Sigmoid(), Tanh(), ScaledExponential()

ACTIVATIONS = {one.name: one for one in (IDENTITY, RELU, SIGMOID, TANH, SELU)}
"""Activations by name."""


def activation_named(name: str) -> Activation:
    """Return the activation of a name.

    Parameters
    ----------
    name : {"linear", "relu", "sigmoid", "tanh", "selu"}

    Returns
    -------
    Activation

    Raises
    ------
    ParameterError
        If there is none.
    """
    check_choice("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


class Activate:
    """An activation as a layer of its own, as behind a batch norm.

    Parameters
    ----------
    activation : Activation
    """

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return ``f(x)``; see `Layer.forward`."""
        y = tape.buffer(self, "y", x.shape)
        np.copyto(y, x)
        self.activation.apply(y)
        if tape.training:
            tape.keep(self, "y", (y,))
        return y

    def backward(self, dy: Array, tape: Tape) -> Array:
        """Return ``dy * f'``; see `Layer.backward`."""
        (y,) = tape.kept(self, "y")
        self.activation.derive(dy, y)
        return dy

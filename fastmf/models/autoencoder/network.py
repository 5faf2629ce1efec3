"""The network of AutoRec: a sparse input layer, dense hidden layers, outputs at the rated cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.arrays import frozen
from fastmf.kernels.alternating.normal_equations import RatedRows
from fastmf.kernels.autoencoder.weight_panels import sum_weights
from fastmf.models.autoencoder.ratings import InputForm
from fastmf.models.autoencoder.weights import WeightPanels
from fastmf.nn.activations import Activate, Activation, activation_named
from fastmf.nn.dropout import Dropout
from fastmf.nn.initial import initial_weights
from fastmf.nn.layers import Layer
from fastmf.nn.normalization import BatchNorm
from fastmf.nn.parameters import Parameter
from fastmf.nn.sequential import Sequential, dense_stack
from fastmf.nn.tape import Tape

__all__ = ["AutoRecNetwork", "InputBias"]

Array = NDArray[Any]


class InputBias:
    """What is left of the first hidden layer behind its sums: ``y = f(x + bias)``.

    Parameters
    ----------
    n : int
        Units.
    activation : Activation
    """

    def __init__(self, n: int, activation: Activation) -> None:
        self.activation = activation
        self.bias = Parameter("input.bias", np.zeros(n, np.float32), decays=False)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The bias."""
        return (self.bias,)

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return ``f(x + bias)``; see `fastmf.nn.layers.Layer.forward`."""
        y = tape.buffer(self, "y", x.shape)
        np.copyto(y, x)
        self.activation.forward(y, self.bias.value)
        if tape.training:
            tape.keep(self, "y", (y,))
        return y

    def backward(self, dy: Array, tape: Tape) -> Array:
        """Return ``dy * f'``; see `fastmf.nn.layers.Layer.backward`."""
        (y,) = tape.kept(self, "y")
        self.activation.backward(dy, y, tape.gradient(self.bias))
        return dy


class AutoRecNetwork:
    """Hidden units of rows by their ratings, and weights of columns that they are compared with.

    The score of a row and a column is ``codes(ratings of the row) . output[column] +
    output_bias[column]``, in units of the standardised ratings.

    Parameters
    ----------
    parameters : AutoRecParameters
    n_columns : int
    form : InputForm
        What it sees of ratings.
    generator : numpy.random.Generator
        Draws all weights.

    Attributes
    ----------
    input, output : WeightPanels
        The same one where weights are tied.
    output_bias : (n_columns,) float32
    trunk : Sequential
        From the sums of the input layer to the codes.
    units : int
        Units of the first hidden layer.
    n_codes : int
        Units of the last.
    form : InputForm
    """

    def __init__(
        self, parameters: Any, n_columns: int, form: InputForm, generator: np.random.Generator
    ) -> None:
        hidden, self.form = parameters.layers, form
        self.units, self.n_codes, self.n_columns = hidden[0], hidden[-1], n_columns
        function = activation_named(parameters.activation)
        drawn = initial_weights(generator, n_columns, self.units, function.initial)
        self.input = WeightPanels(drawn)
        first: list[Layer] = [InputBias(self.units, function)]
        if parameters.batch_norm:
            first = [BatchNorm(self.units, name="input"), Activate(function)]
        dropout = float(parameters.dropout)
        if dropout:
            first.append(Dropout(dropout, number=0))
        rest = dense_stack(
            self.units,
            hidden[1:],
            n_outputs=0,
            generator=generator,
            activation=parameters.activation,
            dropout=dropout,
            batch_norm=bool(parameters.batch_norm),
            name="hidden",
        )
        self.trunk = Sequential([*first, *rest.layers])
        self.output = self.input
        if not parameters.tied:
            self.output = WeightPanels(
                initial_weights(generator, n_columns, self.n_codes, "glorot")
            )
        self.output_bias = np.zeros(n_columns, np.float32)

    @property
    def is_tied(self) -> bool:
        """Whether input and output have the same weights."""
        return self.output is self.input

    def encode(
        self, ratings: RatedRows, inputs: NDArray[np.float32], first: int, last: int
    ) -> NDArray[np.float32]:
        """Return the codes of some rows, without dropout, by running statistics.

        Parameters
        ----------
        ratings : RatedRows
            Of the table that the rows are of.
        inputs : (n,) float32
            What the network sees of the rows' ratings; the first is that of
            ``ratings.starts[first]``.
        first, last : int

        Returns
        -------
        (last - first, n_codes) float32
            Rows without ratings have the code of an empty input.
        """
        offset = int(ratings.starts[first])
        starts = frozen(ratings.starts[first : last + 1] - offset)
        index = ratings.other_index[offset : offset + len(inputs)]
        x = np.empty((last - first, self.units), np.float32)
        rated = 0, last - first, 0, self.input.n_panels, starts, index, frozen(inputs)
        sum_weights(*rated, frozen(self.input.values), self.n_columns, self.units, x.reshape(-1))
        return self._codes_of(x)

    def empty_code(self) -> NDArray[np.float32]:
        """Return (n_codes,) the code of a row without ratings."""
        code: NDArray[np.float32] = self._codes_of(np.zeros((1, self.units), np.float32))[0]
        return code

    def _codes_of(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        tape = Tape(slice(0, len(sums)), len(sums), training=False)
        codes: NDArray[np.float32] = self.trunk.forward(sums, tape)
        return codes

    def arrays(self) -> dict[str, Array]:
        """Return what encoding needs, by the names that a model file has them by."""
        named = {one.name: one.value for one in (*self.trunk.parameters, *self.trunk.statistics)}
        form = np.array(self.form, np.float32)
        return {"input.weights": self.input.rows(), "input.form": form, **named}

    def assign(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned.

        Parameters
        ----------
        arrays : mapping of str to ndarray

        Raises
        ------
        LookupError, ValueError
            If an array is missing or of another shape.
        """
        for name, value in self.arrays().items():
            if arrays[name].shape != value.shape or arrays[name].dtype != np.float32:
                raise ValueError(f"{name} is {arrays[name].shape}, not float32 {value.shape}")
        self.form = InputForm(*map(float, arrays["input.form"]))
        self.input.assign(arrays["input.weights"])
        for one in (*self.trunk.parameters, *self.trunk.statistics):
            one.value[...] = arrays[one.name]

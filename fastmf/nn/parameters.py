"""Parameters of dense layers, and the one flat array that they are views of while training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FlatParameters", "Parameter"]

Array = NDArray[Any]

# Every parameter begins at a cache line.
_ALIGNED = 16


class Parameter:
    """An array that training changes, by a name.

    Attributes
    ----------
    name : str
        Unique within a network; the name that a saved model keeps it by.
    value : ndarray
        C-contiguous floats of any shape. Replaced by a view of a flat array when training begins,
        so layers must read it anew in every pass.
    decays : bool
        Whether regularization and weight decay pull it towards zero: weights yes; biases and the
        scales of a normalization no.
    """

    __slots__ = ("decays", "name", "value")

    def __init__(self, name: str, value: Array, *, decays: bool) -> None:
        self.name = name
        self.value = np.ascontiguousarray(value)
        self.decays = decays

    def assign(self, value: Array) -> None:
        """Set the value, of the same shape, where it is: in a flat array or on its own.

        Parameters
        ----------
        value : ndarray
            Copied, so that one read from a file may be thrown away.
        """
        self.value[...] = value

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, {self.value.shape})"


class FlatParameters:
    """All dense parameters of a network in one flat array.

    Sums of gradients, steps of the optimizer, norms and copies are then one call each, whatever
    the number of layers.

    Parameters
    ----------
    parameters : iterable of Parameter
        All of one dtype; their `value` becomes a view of `value`.

    Attributes
    ----------
    value : ndarray
        (n,) in the order given, each parameter padded with zeros to a multiple of 16.
    decays : ndarray of bool
        (n,) where regularization applies.
    starts : dict of int to int
        Where each parameter begins, by its `id`.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.parameters = tuple(parameters)
        lengths = [-(-one.value.size // _ALIGNED) * _ALIGNED for one in self.parameters]
        starts = np.cumsum([0, *lengths]).tolist()
        self.starts = {id(one): at for one, at in zip(self.parameters, starts, strict=False)}
        dtype = self.parameters[0].value.dtype if self.parameters else np.dtype(np.float32)
        self.value = np.zeros(starts[-1], dtype)
        self.decays = np.zeros(starts[-1], np.bool_)
        for parameter, start in zip(self.parameters, starts, strict=False):
            end = start + parameter.value.size
            view = self.value[start:end].reshape(parameter.value.shape)
            view[...] = parameter.value
            parameter.value = view
            self.decays[start:end] = parameter.decays

    def __len__(self) -> int:
        return len(self.value)

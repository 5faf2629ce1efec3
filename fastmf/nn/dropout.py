"""Dropout: a random part of the elements is zero in each step, and the rest is scaled up."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.errors import ParameterError
from fastmf.kernels.hashing import GOLDEN, mix
from fastmf.kernels.networks.dropout import drop
from fastmf.nn.parameters import Parameter
from fastmf.nn.tape import Tape

__all__ = ["Dropout", "dropout_keys"]

Array = NDArray[Any]


class Dropout:
    """Zero each element with a probability, in training; Srivastava et al. (2014).

    What is dropped follows from the seed, the step, the layer's number, the row of the batch and
    the column: the same for any cut into shards. Nothing is kept for the way back, which draws
    the same numbers again.

    Parameters
    ----------
    rate : float
        The probability, from 0 to below 1. What is left is divided by ``1 - rate``.
    number : int
        Another for each dropout of a network.

    Raises
    ------
    ParameterError
        If the rate is outside its limits.
    """

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, rate: float, *, number: int = 0) -> None:
        if not 0 <= rate < 1:
            raise ParameterError(f"dropout is {rate}, but it must be at least 0 and below 1")
        self.rate, self.number = rate, number

    def forward(self, x: Array, tape: Tape) -> Array:
        """Return what is left of a shard; see `Layer.forward`."""
        return self._drop(x, tape, "y")

    def backward(self, dy: Array, tape: Tape) -> Array:
        """Return what is left of the gradient; see `Layer.backward`."""
        return self._drop(dy, tape, "dx")

    def key(self, tape: Tape) -> np.uint64:
        """Return 64 bits that are others for each seed, step and layer.

        Parameters
        ----------
        tape : Tape
        """
        return _key(tape.seed, tape.step, self.number)

    def _drop(self, x: Array, tape: Tape, name: str) -> Array:
        if not tape.training or self.rate == 0:
            return x
        out = tape.buffer(self, name, x.shape)
        key = self.key(tape)
        threshold, scale = np.uint32(self.rate * 2**32), x.dtype.type(1 / (1 - self.rate))
        drop(x, key, np.int64(tape.rows.start), threshold, scale, out)
        return out


@lru_cache(64)
def _key(seed: int, step: int, number: int) -> np.uint64:
    """Return 64 bits that are others for each step and layer."""
    return np.uint64(dropout_keys(seed, np.array([step]), number)[0])


def dropout_keys(seed: int, steps: Array, number: int) -> Array:
    """Return the keys of a dropout in some steps.

    Parameters
    ----------
    seed : int
    steps : ndarray of int
        (n,) steps taken before each.
    number : int
        Of the layer.

    Returns
    -------
    ndarray of uint64
        (n,).
    """
    words = mix.py_func
    keys = np.full(len(steps), seed % 2**64, np.uint64)
    for part in (steps, np.full(len(steps), number)):
        keys = words(keys + (part.astype(np.uint64) + np.uint64(1)) * GOLDEN)
    return keys

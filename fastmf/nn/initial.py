"""Initial weights, each with the variance that keeps signals of one size from layer to layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data.choices import check_choice

__all__ = ["INITIAL", "initial_weights"]

Array = NDArray[Any]


def _normal(generator: np.random.Generator, shape: tuple[int, int], scale: float) -> Array:
    return generator.standard_normal(shape, dtype=np.float32) * np.float32(scale)


def _uniform(generator: np.random.Generator, shape: tuple[int, int], limit: float) -> Array:
    return (generator.random(shape, dtype=np.float32) * 2 - 1) * np.float32(limit)


INITIAL: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "glorot": lambda g, shape: _uniform(g, shape, math.sqrt(6 / sum(shape))),
    "he": lambda g, shape: _normal(g, shape, math.sqrt(2 / shape[0])),
    "lecun": lambda g, shape: _normal(g, shape, math.sqrt(1 / shape[0])),
    "normal": lambda g, shape: _normal(g, shape, 0.05),
}
"""Ways to draw weights: by name, functions of a generator and ``(n_inputs, n_outputs)``."""


def initial_weights(
    generator: np.random.Generator, n_inputs: int, n_outputs: int, initial: str
) -> Array:
    """Draw the weights of a dense layer.

    Parameters
    ----------
    generator : numpy.random.Generator
    n_inputs, n_outputs : int
    initial : {"glorot", "he", "lecun", "normal"}
        Uniform within ``sqrt(6 / (n_inputs + n_outputs))`` (Glorot and Bengio, 2010); normal with
        variance ``2 / n_inputs`` (He et al., 2015), for ReLU; normal with variance
        ``1 / n_inputs`` (LeCun et al., 1998), for SELU; or normal with standard deviation 0.05.

    Returns
    -------
    ndarray of float32
        (n_inputs, n_outputs).

    Raises
    ------
    ParameterError
        If there is no such way.
    """
    check_choice("initial", initial, INITIAL)
    return INITIAL[initial](generator, (n_inputs, n_outputs)).astype(np.float32, copy=False)

"""Slow, obvious twins of fastmf.kernels.autoencoder.panel_units, by rows and in float64."""

import numpy as np

from tests.reference.networks import dropout

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _selu(z):
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


ACTIVATIONS = {
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "selu": _selu,
}


def kept(shape, key, threshold, scale):
    """Return what dropout multiplies each unit by."""
    return dropout.drop(np.ones(shape), key, 0, threshold, scale)


def activate(activation, sums, bias, key, threshold, scale):
    """Return (n_rows, units) the codes of sums."""
    values = ACTIVATIONS[activation](sums.astype(np.float64) + bias)
    return values * kept(sums.shape, key, threshold, scale)


def derive(activation, sums, bias, gradients, key, threshold, scale):
    """Return the gradients of sums by those of codes, by central differences."""
    sums = sums.astype(np.float64)
    drawn = bias, key, threshold, scale
    ends = [activate(activation, sums + step, *drawn) for step in (1e-6, -1e-6)]
    return gradients * (ends[0] - ends[1]) / 2e-6

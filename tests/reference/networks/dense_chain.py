"""Slow, obvious twins of fastmf.kernels.networks.dense_chain, a layer at a time.

A layer is ``(weights, bias or None, rectified)``, or the factors of a dropout.
"""

import numpy as np


def chain_forward(layers, x):
    """Return the outputs of all layers."""
    outputs = []
    for layer in layers:
        if isinstance(layer, np.ndarray):
            x = x * layer
        else:
            weights, bias, rectified = layer
            x = x @ weights + (0 if bias is None else bias)
            x = np.maximum(x, 0) if rectified else x
        outputs.append(x)
    return outputs


def chain_backward(layers, x, dy):
    """Return the gradient by `x`, and those of the weights and biases in reverse order."""
    outputs = [x, *chain_forward(layers, x)]
    gradients = []
    for number in reversed(range(len(layers))):
        layer = layers[number]
        if isinstance(layer, np.ndarray):
            dy = dy * layer
            continue
        weights, _, rectified = layer
        dy = np.where(outputs[number + 1] > 0, dy, 0) if rectified else dy
        gradients.append((outputs[number].T @ dy, dy.sum(axis=0)))
        dy = dy @ weights.T
    return dy, gradients

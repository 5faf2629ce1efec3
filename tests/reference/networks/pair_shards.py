"""Slow, obvious twins of kernels.networks.pair_shards: layers, one after another, on a whole batch.

Layers are functions of the input that return the output, and a function of the gradient by the
output that returns the gradients of the parameters and that by the input.
"""

import numpy as np

EPSILON = 1e-5


def dense(x, weights, bias=None):
    y = x @ weights if bias is None else x @ weights + bias

    def back(dy):
        found = [x.T @ dy] if bias is None else [x.T @ dy, dy.sum(axis=0)]
        return found, dy @ weights.T

    return y, back


def rectify(x):
    return np.maximum(x, 0), lambda dy: ([], dy * (x > 0))


def drop(x, kept):
    """Multiply by what is 0 where an element is dropped."""
    return x * kept, lambda dy: ([], dy * kept)


def normalize(x, scale, shift):
    mean, variance = x.mean(axis=0), x.var(axis=0)
    inverse = 1 / np.sqrt(variance + EPSILON)
    standard = (x - mean) * inverse

    def back(dy):
        left = dy - dy.mean(axis=0) - standard * (dy * standard).mean(axis=0)
        return [(dy * standard).sum(axis=0), dy.sum(axis=0)], scale * inverse * left

    return standard * scale + shift, back


def run(layers, x):
    """Return the output, and a function back to the gradients of all parameters and of `x`."""
    backs = []
    for layer in layers:
        x, back = layer(x)
        backs.append(back)

    def all_back(dy):
        gradients = []
        for back in reversed(backs):
            own, dy = back(dy)
            gradients = [*own, *gradients]
        return gradients, dy

    return x, all_back

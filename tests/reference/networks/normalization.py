"""Slow, obvious twins of kernels.networks.normalization; they return what the kernels assign."""

import numpy as np


def column_moments(x):
    x = x.astype(np.float64)
    return x.sum(axis=0), (x**2).sum(axis=0)


def normalize(x, mean, inverse, scale, shift):
    return (x - mean) * inverse * scale + shift


def normalize_sums(dy, x, mean, inverse):
    return (dy * (x - mean) * inverse).sum(axis=0), dy.sum(axis=0)


def normalize_gradient(dy, x, mean, inverse, scale, mean_dy, mean_product):
    return inverse * scale * (dy - mean_dy - (x - mean) * inverse * mean_product)


def moment_terms(moments, n, momentum, epsilon, running_mean, running_variance):
    """Return mean and inverse deviation, and the running statistics."""
    if n == 1:
        inverse = 1 / np.sqrt(running_variance + epsilon)
        return running_mean, inverse, running_mean, running_variance
    mean, mean_square = moments.sum(axis=0) / n
    variance = mean_square - mean**2
    running = (
        running_mean + momentum * (mean - running_mean),
        running_variance + momentum * (variance * n / (n - 1) - running_variance),
    )
    return mean, 1 / np.sqrt(variance + epsilon), *running


def gradient_means(parts, n):
    return parts.sum(axis=0) / n if n > 1 else np.zeros(parts.shape[1])

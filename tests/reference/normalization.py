"""Slow, obvious twins of fastmf.kernels.normalization; they return what the kernels assign."""

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

"""Slow, obvious twins of fastmf.kernels.vector_roots on arrays of sixteen float32."""

import numpy as np


def add(left, right):
    return left + right


def divide(left, right):
    return left / right


def square_root(value):
    return np.sqrt(value)

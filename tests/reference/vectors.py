"""Slow, obvious twins of fastmf.kernels.vectors on arrays of sixteen float32."""

import numpy as np


def load(array, offset):
    return array[offset : offset + 16].copy()


def store(array, offset, value):
    array[offset : offset + 16] = value


def zeros():
    return np.zeros(16, np.float32)


def broadcast(scalar):
    return np.full(16, scalar, np.float32)


def subtract(left, right):
    return left - right


def multiply(left, right):
    return left * right


def multiply_add(left, right, addend):
    """Rounded once or twice: a machine may do either; float64 holds the product exactly."""
    exact = left.astype(np.float64) * right.astype(np.float64)
    once = _rounded_to_odd(exact, addend.astype(np.float64)).astype(np.float32)
    twice = exact.astype(np.float32) + addend
    return once, twice


def _rounded_to_odd(left, right):
    """Add so that rounding the float64 sum to float32 rounds the exact sum.

    Where the sum is not exact, the neighbour whose last bit is 1 stands for it: never a tie
    between two float32, and on the right side of one. (Boldo and Melquiond 2005)
    """
    total = left + right
    shown = total - left
    rest = (left - (total - shown)) + (right - shown)
    even = total.view(np.int64) % 2 == 0
    toward = np.where(rest > 0, np.inf, -np.inf)
    return np.where((rest != 0) & even, np.nextafter(total, toward), total)


def negative_multiply_add(left, right, addend):
    return multiply_add(-left, right, addend)


def sum_lanes(value):
    """Upper half onto lower half, until one is left: sixteen, eight, four, two, one."""
    while len(value) > 1:
        half = len(value) // 2
        value = value[:half] + value[half:]
    return value[0]


def sum_four(*values):
    return quarters(*(sum_lanes(value) for value in values))


def quarters(*scalars):
    return np.repeat(np.array(scalars, np.float32), 4)


def load_quarters(array, *offsets):
    return np.concatenate([array[offset : offset + 4] for offset in offsets])


def spread_quarter(value, number):
    return np.full(16, value[4 * number], np.float32)


def first_of_quarter(value, number):
    return value[4 * number]


def maximum(value, floor):
    return np.where(value < floor, floor, value)


def sign(value):
    return np.where(np.isnan(value), value, np.sign(value))

"""Slow, obvious twins of fastmf.kernels.tables.permutation: integers of any size, sets of rows."""

import numpy as np

ROUNDS = 6


def hashed(half, key, size):
    word = (half ^ key) & 0xFFFFFFFF
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return ((word ^ (word >> 16)) * size) >> 32


def permuted(position, n, n_left, n_right, keys):
    while True:
        left, right = divmod(position, n_right)
        for number in range(0, ROUNDS, 2):
            left = (left + hashed(right, int(keys[number]), n_left)) % n_left
            right = (right + hashed(left, int(keys[number + 1]), n_right)) % n_right
        position = left * n_right + right
        if position < n:
            return position


def selected_rows(bitmap):
    return np.flatnonzero(np.unpackbits(bitmap, bitorder="little"))


def gather(column, rows):
    return np.array([column[row] for row in rows])

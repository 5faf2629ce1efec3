"""Slow, obvious twins of fastmf.kernels.links, in the dtype of the score."""

import numpy as np


def sigmoid(score):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-score))


def rating_of(score, link):
    if link.is_sigmoid:
        score = link.bottom + (np.float64(link.top) - link.bottom) * sigmoid(score)
    return np.clip(score, link.low, link.high)

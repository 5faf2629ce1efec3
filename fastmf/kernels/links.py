"""From the score of a model to a rating: the identity, or a sigmoid over the rating range.

A *score* is an offset, two biases and a dot product. With the identity it is the rating; with
the sigmoid the rating is ``bottom + (top - bottom) / (1 + exp(-score))``, as in logistic
regression. Either way the result is clipped to the range of the ratings seen.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np

from fastmf.kernels.compiled import kernel
from fastmf.kernels.vectors import first_of_quarter, quarters

__all__ = ["Link", "rating_of", "sigmoid", "sigmoids"]


class Link(NamedTuple):
    """How a score becomes a rating, in the types that kernels are compiled for.

    Attributes
    ----------
    offset : float32
        The score of a pair whose biases and factors are zero.
    is_sigmoid : bool
    bottom, top : float32
        What the sigmoid runs between.
    low, high : float32
        What ratings are clipped to.
    """

    offset: np.float32
    is_sigmoid: np.bool_
    bottom: np.float32
    top: np.float32
    low: np.float32
    high: np.float32

    @classmethod
    def identity(cls, offset: float, limits: tuple[float, float]) -> Self:
        """Make the link of a model whose score is the rating.

        Parameters
        ----------
        offset : float
        limits : tuple of float
            What ratings are clipped to.

        Returns
        -------
        Link
        """
        low, high = (np.float32(limit) for limit in limits)
        return cls(np.float32(offset), np.bool_(False), low, high, low, high)

    @classmethod
    def sigmoid(cls, offset: float, ends: tuple[float, float], limits: tuple[float, float]) -> Self:
        """Make the link of a model whose score goes through a sigmoid.

        Parameters
        ----------
        offset : float
        ends : tuple of float
            What the sigmoid runs between.
        limits : tuple of float
            What ratings are clipped to.

        Returns
        -------
        Link
        """
        numbers = (np.float32(number) for number in (*ends, *limits))
        return cls(np.float32(offset), np.bool_(True), *numbers)


@kernel(error_model="numpy")
def sigmoid(score):
    """Return ``1 / (1 + exp(-score))`` of a float32; no score overflows, and NaN stays NaN."""
    small = math.exp(-abs(score))
    numerator = np.float32(1) if score >= 0 else small
    return numerator / (np.float32(1) + small)


@kernel(error_model="numpy")
def sigmoids(offset, scale, products):
    """Return ``sigmoid(offset + scale * product)`` of lanes that are equal in each quarter.

    Parameters
    ----------
    offset, scale : float32
    products : lanes
        As `fastmf.kernels.vectors.sum_four` makes them.

    Returns
    -------
    lanes
    """
    return quarters(
        sigmoid(offset + scale * first_of_quarter(products, 0)),
        sigmoid(offset + scale * first_of_quarter(products, 1)),
        sigmoid(offset + scale * first_of_quarter(products, 2)),
        sigmoid(offset + scale * first_of_quarter(products, 3)),
    )


@kernel(error_model="numpy")
def rating_of(score, link):
    """Return the rating that a score stands for, clipped to the link's limits.

    Parameters
    ----------
    score : float32
        With the offset in it.
    link : Link

    Returns
    -------
    float32
        NaN where `score` is NaN.
    """
    rating = score
    if link.is_sigmoid:
        part = sigmoid(score)
        # Not bottom + (top - bottom) * part: the difference of two float32 may overflow.
        rating = link.bottom * (np.float32(1) - part) + link.top * part
    # Written so that NaN stays NaN; min() and max() would drop it.
    if rating < link.low:
        rating = link.low
    elif rating > link.high:
        rating = link.high
    return rating

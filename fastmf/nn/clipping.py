"""Gradients whose norm is kept below a limit."""

from __future__ import annotations

import math

__all__ = ["clipping_factor"]


def clipping_factor(squares: float, limit: float) -> float:
    """Return what gradients are multiplied by, so that their norm is at most a limit.

    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks".

    Parameters
    ----------
    squares : float
        Sum of the squares of all gradients.
    limit : float
        Above 0.

    Returns
    -------
    float
        1 where the norm is within the limit, or not a number: that is not to be hidden.
    """
    norm = math.sqrt(squares)
    return limit / norm if norm > limit else 1.0

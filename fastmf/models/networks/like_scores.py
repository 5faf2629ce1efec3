"""How well likes are told from dislikes."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["LikeScores"]

Array = NDArray[Any]

# Probabilities closer to 0 or 1 count as this close in the cross-entropy.
_SMALLEST = 1e-7


class LikeScores(NamedTuple):
    """Predictions of likes against what was liked; a probability of 0.5 or more predicts a like.

    Attributes
    ----------
    accuracy : float
        Part of all that is predicted right.
    precision : float
        Part of the predicted likes that are likes; 0 where none is predicted.
    recall : float
        Part of the likes that are predicted; 0 where there are none.
    log_loss : float
        Mean binary cross-entropy.
    share : float
        Part of all that are likes.
    n_ratings : int
    """

    accuracy: float
    precision: float
    recall: float
    log_loss: float
    share: float
    n_ratings: int

    @classmethod
    def of_sums(cls, sums: Array) -> Self:
        """Return the scores of sums over ratings.

        Parameters
        ----------
        sums : ndarray
            (5,) what `sums_of_likes` returned, or a sum of such.

        Returns
        -------
        LikeScores
        """
        n, likes, predicted, both, loss = sums.tolist()
        right = n - likes - predicted + 2 * both
        return cls(
            right / n,
            both / predicted if predicted else 0.0,
            both / likes if likes else 0.0,
            loss / n,
            likes / n,
            int(n),
        )


def sums_of_likes(probabilities: Array, likes: Array) -> Array:
    """Count and add up, for `LikeScores.of_sums`.

    Parameters
    ----------
    probabilities : (m,) ndarray
    likes : (m,) ndarray
        1 for a like, 0 for none.

    Returns
    -------
    (5,) float64
        Ratings, likes, predicted likes, likes predicted as such, sum of the cross-entropies.
    """
    predicted, liked = probabilities >= 0.5, likes > 0.5
    clear = np.clip(probabilities.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    loss = -np.log(np.where(liked, clear, 1 - clear)).sum()
    counts = len(likes), liked.sum(), predicted.sum(), (liked & predicted).sum()
    return np.array([*counts, loss], np.float64)

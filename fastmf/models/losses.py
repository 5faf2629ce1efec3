"""The losses: what each calls its kernel, how its score becomes a rating, its defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.data.block_grid import BlockGrid
from fastmf.errors import DataError
from fastmf.kernels.links import Link
from fastmf.kernels.sgd import ABSOLUTE, LOGISTIC, SIGMOID, SQUARED

__all__ = [
    "LOSSES",
    "LinkName",
    "Loss",
    "LossName",
    "ScoreUnits",
    "check_rating_range",
    "sigmoid_ends",
]

LossName = Literal["squared", "absolute", "logistic", "sigmoid"]
LinkName = Literal["identity", "sigmoid"]


@dataclass(frozen=True)
class Loss:
    """A loss and the defaults that suit it.

    Attributes
    ----------
    code : int
        As `fastmf.kernels.sgd.Variant` has it.
    link : {"identity", "sigmoid"}
        How a score becomes a rating.
    regularization : float
        Default L2 weight of the factors.
    """

    code: int
    link: LinkName
    regularization: float


# docs/TUNING.md has the curves behind these.
LOSSES: dict[str, Loss] = {
    "squared": Loss(SQUARED, "identity", 0.043),
    "absolute": Loss(ABSOLUTE, "identity", 0.055),
    "logistic": Loss(LOGISTIC, "sigmoid", 0.043),
    "sigmoid": Loss(SIGMOID, "sigmoid", 0.04),
}

# Of non-negative factors with biases: on MovieLens-1M the validation RMSE is .892 from 0, .873
# from 1, .865 from 2, .860 from 3 and .858 from 4, but on small tables it rises again from 1 on.
_NON_NEGATIVE_PRODUCT = 3.0

# Slope of the sigmoid at the mean of the ratings at least, where hardly any are above the bottom:
# it has four times that slope in its middle, and steps that suit the one would overshoot there.
_LEAST_SLOPE = 1 / 16

# Between two ratings: what float32 can hold.
_FARTHEST = float(np.finfo(np.float32).max)

# Of a sigmoid's span that ratings must lie on. It starts no nearer to its ends than this.
_LEAST_PART = 0.01


def sigmoid_ends(rating_range: tuple[float, float]) -> tuple[float, float]:
    """Return what a sigmoid over ratings runs between: 0 and 1 for ratings within, or the range.

    Parameters
    ----------
    rating_range : tuple of float
        Lowest and highest rating.

    Returns
    -------
    tuple of float
    """
    low, high = rating_range
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def check_rating_range(rating_range: tuple[float, float], output: str) -> None:
    """Refuse ratings whose range a network cannot be trained on.

    Parameters
    ----------
    rating_range : tuple of float
        Lowest and highest rating.
    output : {"linear", "sigmoid", "relu"}

    Raises
    ------
    DataError
    """
    low, high = rating_range
    given = f"ratings lie between {low:g} and {high:g}"
    if high - low > _FARTHEST:
        raise DataError(f"{given}, too far apart for 32-bit numbers; divide them first")
    bottom, top = sigmoid_ends(rating_range)
    if output == "sigmoid" and 0 < high - low < _LEAST_PART * (top - bottom):
        raise DataError(
            f"{given}, which is next to nothing of a sigmoid from {bottom:g} to {top:g}; multiply "
            "them first, so that they reach about as far, or use output linear (bias-dot)"
        )


class ScoreUnits(NamedTuple):
    """How the rows of a model in training relate to ratings.

    Rows are trained on ratings that are centred and divided by their spread (`BlockGrid`). The
    score of a pair is ``link.offset + scale * product of the rows``.
    """

    link: Link
    offset: float  # of the fitted model: without what `item_constant` cancels
    scale: float  # units of the score in one of the rows' product
    product: float  # what the products of factors should start from
    item_constant: float  # see `fastmf.models.rows.Start`
    sigmoid_terms: NDArray[np.float32]  # (4,) see `fastmf.kernels.sgd.update_block`

    @classmethod
    def of(
        cls,
        loss: Loss,
        grid: BlockGrid,
        rating_range: tuple[float, float],
        *,
        biases: bool,
        non_negative: bool,
    ) -> ScoreUnits:
        """Find the units of a variant of the model.

        Parameters
        ----------
        loss : Loss
        grid : BlockGrid
            Ratings to train on.
        rating_range : tuple of float
            What predictions are clipped to.
        biases, non_negative : bool
            Without biases the score is the product of the factors alone, with them the mean is
            beside it. Products of non-negative factors cannot be centred: they start at
            `_NON_NEGATIVE_PRODUCT`, and the mean is lowered by as much.

        Returns
        -------
        ScoreUnits
        """
        product = _NON_NEGATIVE_PRODUCT if non_negative else 0.0
        if loss.link == "identity":
            if not biases:
                product = grid.mean / grid.scale
            # Every item is given the product with its sign turned, so that the rows' product is
            # centred as the ratings are.
            return cls(
                link=Link.identity(grid.mean, rating_range),
                offset=grid.mean - product * grid.scale if biases else 0.0,
                scale=grid.scale,
                product=product,
                item_constant=-product,
                sigmoid_terms=np.zeros(4, np.float32),
            )
        bottom, top = sigmoid_ends(rating_range)
        score, scale = _centre_and_scale(grid, bottom, top)
        offset = score - product * scale if biases else 0.0
        terms = offset, scale, (top - bottom) / grid.scale, (bottom - grid.mean) / grid.scale
        return cls(
            link=Link.sigmoid(offset, (bottom, top), rating_range),
            offset=offset,
            scale=scale,
            product=(score - offset) / scale,
            item_constant=0.0,
            sigmoid_terms=np.array(terms, np.float32),
        )


def _centre_and_scale(grid: BlockGrid, bottom: float, top: float) -> tuple[float, float]:
    """Return the score of the mean, and the score's units in one of the rows' product.

    Near the mean, a step of the product moves the prediction by as many spreads of the ratings,
    as it does without a sigmoid: so rates and regularization mean the same.
    """
    span = top - bottom
    if span == 0:  # all ratings are equal, and any score predicts them
        return 0.0, 1.0
    # Half a rating more at either end keeps the score finite where all are alike.
    share = ((grid.mean - bottom) / span * grid.n_ratings + 0.5) / (grid.n_ratings + 1)
    slope = max(share * (1 - share), _LEAST_SLOPE)
    return math.log(share / (1 - share)), grid.scale / span / slope

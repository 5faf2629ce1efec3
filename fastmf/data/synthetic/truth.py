"""The planted model: what an ideal learner would find in the generated ratings."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fastmf.data.synthetic.profile import FULL_USERS, LARGEST_USER_ID, Shape
from fastmf.errors import ParameterError

__all__ = ["FIRST_DAY", "LAST_DAY", "Plant", "Truth", "plant"]

EPOCH = datetime.date(1970, 1, 1)
FIRST_DAY = (datetime.date(1999, 11, 11) - EPOCH).days
"""Day of the first rating that Netflix published, in days since 1970-01-01."""
LAST_DAY = (datetime.date(2005, 12, 31) - EPOCH).days
"""Day of the last one."""

LARGEST_RANK = 256  # keeps the factors of 480,189 users below half a gigabyte
# What rounding to whole ratings adds to the noise, and clipping takes off, differs; these give
# both kinds of rating a noise floor of about 0.80.
WHOLE_NOISE, REAL_NOISE = 0.82, 0.89
# Well-known items are liked more, as they are by Netflix's subscribers: correlation of an item's
# bias with the normal score of its popularity.
POPULARITY_EFFECT = 0.4


@dataclass(frozen=True)
class Plant:
    """What to plant: ``rating = mean + user bias + item bias + user . item factors + noise``.

    Attributes
    ----------
    rank : int
        Planted factors, 1 to 256.
    noise : float, optional
        Standard deviation of the normal noise before rounding and clipping, 0 to 10; by default
        such that the noise floor is about 0.80.
    real_valued : bool
        Keep real numbers in [1, 5] instead of rounding to whole ratings 1 to 5.
    factor_std : float
        Standard deviation of the factors' part of a rating.
    factor_decay : float
        Each factor's share of that variance, relative to the one before it, in (0, 1].
    user_bias_std, item_bias_std : float
        Standard deviations of the biases.
    mean : float
        Mean of the ratings before rounding and clipping.

    Raises
    ------
    ParameterError
        If a value is outside its limits.
    """

    rank: int = 20
    noise: float | None = None
    real_valued: bool = False
    factor_std: float = 0.5
    factor_decay: float = 0.75
    user_bias_std: float = 0.42
    item_bias_std: float = 0.5
    mean: float = 3.65

    def __post_init__(self) -> None:
        for name, low, high in (
            ("rank", 1, LARGEST_RANK),
            ("noise", 0.0, 10.0),
            ("factor_std", 0.0, 10.0),
            ("user_bias_std", 0.0, 10.0),
            ("item_bias_std", 0.0, 10.0),
            ("mean", 1.0, 5.0),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # also refuses NaN
                raise ParameterError(f"{name} is {value}, but must lie between {low} and {high}")
        if not 0.0 < self.factor_decay <= 1.0:
            raise ParameterError(
                f"factor_decay is {self.factor_decay}, but must lie above 0 and at most at 1"
            )

    @property
    def noise_std(self) -> float:
        """Standard deviation of the noise, the default filled in."""
        if self.noise is None:
            return REAL_NOISE if self.real_valued else WHOLE_NOISE
        return float(self.noise)


@dataclass(frozen=True)
class Truth:
    """The planted parameters, by dense index.

    Attributes
    ----------
    mean : numpy.float32
    user_bias : numpy.ndarray of float32 (n_users,)
    item_bias : numpy.ndarray of float32 (n_items,)
    user_factors : numpy.ndarray of float32 (n_users, rank)
    item_factors : numpy.ndarray of float32 (n_items, rank)
    user_ids : numpy.ndarray of int32 (n_users,)
        Raw ids, distinct and sparse.
    item_ids : numpy.ndarray of int32 (n_items,)
        Raw ids 1 to n_items.
    user_days, item_days : numpy.ndarray of int32
        First day of each user and item, in days since 1970-01-01.
    """

    mean: np.float32
    user_bias: NDArray[np.float32]
    item_bias: NDArray[np.float32]
    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    user_ids: NDArray[np.int32]
    item_ids: NDArray[np.int32]
    user_days: NDArray[np.int32]
    item_days: NDArray[np.int32]


def plant(
    what: Plant,
    shape: Shape,
    ratings_per_user: NDArray[np.int64],
    ratings_per_item: NDArray[np.float64],
    rng: np.random.Generator,
) -> Truth:
    """Draw the planted parameters.

    Biases and factors are centred over the ratings, not over users and items, so that the mean
    of the ratings, the biases and the factors each explain what they are called after.

    Parameters
    ----------
    what : Plant
    shape : Shape
    ratings_per_user : numpy.ndarray of int64 (n_users,)
    ratings_per_item : numpy.ndarray of float64 (n_items,)
        What each item expects.
    rng : numpy.random.Generator

    Returns
    -------
    Truth
    """
    spectrum = what.factor_decay ** np.arange(what.rank)
    scale = np.sqrt(what.factor_std * np.sqrt(spectrum / spectrum.sum())).astype(np.float32)
    user_weight = ratings_per_user / ratings_per_user.sum()
    item_weight = ratings_per_item / ratings_per_item.sum()

    ranks = np.argsort(np.argsort(ratings_per_item, kind="stable"), kind="stable")
    liked = ndtri((ranks + 0.5) / shape.n_items)
    own = rng.standard_normal(shape.n_items)
    item_bias = POPULARITY_EFFECT * liked + math.sqrt(1.0 - POPULARITY_EFFECT**2) * own
    user_bias = rng.standard_normal(shape.n_users)
    return Truth(
        mean=np.float32(what.mean),
        user_bias=_centred(what.user_bias_std * user_bias, user_weight),
        item_bias=_centred(what.item_bias_std * item_bias, item_weight),
        user_factors=_factors(scale, user_weight, rng),
        item_factors=_factors(scale, item_weight, rng),
        user_ids=_sparse_ids(shape.n_users, rng),
        item_ids=np.arange(1, shape.n_items + 1, dtype=np.int32),
        user_days=_first_days(shape.n_users, 0.0, rng),
        item_days=_first_days(shape.n_items, 0.6, rng),
    )


def _centred(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float32]:
    centred: NDArray[np.float32] = (values - (values * weight).sum()).astype(np.float32)
    return centred


def _factors(
    scale: NDArray[np.float32], weight: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    factors = rng.standard_normal((weight.size, scale.size), dtype=np.float32)
    factors *= scale
    # One at a time: no float64 copy of the whole, and no BLAS, whose sums depend on its threads.
    for factor in range(scale.size):
        factors[:, factor] -= np.float32((factors[:, factor] * weight).sum())
    return factors


def _sparse_ids(n: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Draw n distinct ids, about as sparse as Netflix's: one in 5.5 is used."""
    largest = min(max(round(n * LARGEST_USER_ID / FULL_USERS), n), LARGEST_USER_ID)
    return rng.choice(largest, n, replace=False).astype(np.int32) + np.int32(1)


def _first_days(n: int, from_start: float, rng: np.random.Generator) -> NDArray[np.int32]:
    """Draw first days: a share `from_start` on the first of all, the rest evenly."""
    share = rng.random(n)
    share[rng.random(n) < from_start] = 0.0
    return np.int32(FIRST_DAY) + (share * (LAST_DAY - FIRST_DAY)).astype(np.int32)

"""Biased matrix factorization, trained by parallel stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastmf.data import Ratings
from fastmf.data.choices import check_choice
from fastmf.errors import DataError, ParameterError
from fastmf.models.alternating.row_problems import RowRules
from fastmf.models.alternating.steps import Penalty
from fastmf.models.factor_model import FactorModel, Fitted
from fastmf.models.limits import (
    HIGHEST_SCALE,
    check_number,
    memory_beside_factors,
)
from fastmf.models.losses import LOSSES, LossName
from fastmf.models.rows import StepSizes
from fastmf.models.sgd_learner import SGDLearner, warm_up
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["BiasedMF", "BiasedMFParameters"]

# Rates times epochs that reaches the same model for 8 epochs and more, whatever the loss, with
# the rate falling linearly to zero; docs/TUNING.md has the curve.
_RATE_BUDGET = 0.8
_HIGHEST_DEFAULT_RATE = 0.08

# RMSE on the rest of 1,000 users of MovieLens-1M who were folded in from 80% of their ratings:
# .8472 with 100, .8478 with 60, .8477 with 160, .8516 with weights by the number itself; .8446 for
# a model trained on these 80% too. The order is the same on MovieLens-100K and with other losses.
_COUNT_OF_EQUAL_WEIGHTS = 100

# Far past anything of use, and far from where float32 overflows: ratings are scaled to a spread
# of one while training.
_HIGHEST_RATE = 10.0
_HIGHEST_WEIGHT = 10.0


@dataclass(frozen=True)
class BiasedMFParameters:
    """Hyperparameters of `BiasedMF`; see there. Checked when made.

    Raises
    ------
    ParameterError
        If a value is outside its limits.
    """

    factors: int = field(default=50, metadata={"help": "Length of a user's or item's vector."})
    epochs: int = field(default=20, metadata={"help": "Passes over the ratings at most."})
    learning_rate: float | None = field(
        default=None,
        metadata={"help": "Rate of the first epoch; it falls linearly to 0. Default 0.8 / epochs."},
    )
    regularization: float | None = field(
        default=None,
        metadata={"help": "L2 weight of the factors. Default by the loss; 0.043 for squares."},
    )
    bias_learning_rate: float | None = field(
        default=None,
        metadata={"help": "Rate of the biases. Default a quarter of the learning rate."},
    )
    bias_regularization: float = field(default=0.02, metadata={"help": "L2 weight of the biases."})
    initial_scale: float = field(
        default=0.01, metadata={"help": "Standard deviation of the factors at the start."}
    )
    random_state: int = field(default=0, metadata={"help": "Seed of all randomness."})
    loss: LossName = field(
        default="squared",
        metadata={
            "help": "Error of a prediction: its square, its absolute value, the cross entropy of "
            "the rating scaled to 0-1, or the square behind a sigmoid."
        },
    )
    biases: bool = field(
        default=True,
        metadata={"help": "Mean and biases, or the product of the factors alone."},
    )
    non_negative: bool = field(default=False, metadata={"help": "Keep factors at 0 or above."})

    def __post_init__(self) -> None:
        check_number("factors", self.factors, whole=True, least=1)
        check_number("epochs", self.epochs, whole=True, least=1)
        for name in ("learning_rate", "bias_learning_rate"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), above=0, most=_HIGHEST_RATE)
        if self.regularization is not None:
            check_number("regularization", self.regularization, least=0, most=_HIGHEST_WEIGHT)
        check_number("bias_regularization", self.bias_regularization, least=0, most=_HIGHEST_WEIGHT)
        check_number("initial_scale", self.initial_scale, least=0, most=HIGHEST_SCALE)
        check_number("random_state", self.random_state, whole=True, least=0)
        check_choice("loss", self.loss, LOSSES)
        for name in ("biases", "non_negative"):
            check_choice(name, getattr(self, name), (True, False))
        if self.non_negative and not self.biases and LOSSES[self.loss].link == "sigmoid":
            raise ParameterError(
                f"non_negative factors without biases reach only the upper half of the ratings "
                f"with loss {self.loss}; keep the biases, or use loss squared or absolute"
            )

    @property
    def step_sizes(self) -> StepSizes:
        """Rates with their defaults filled in, and regularization."""
        rate, regularization = self.learning_rate, self.regularization
        if rate is None:
            rate = min(_RATE_BUDGET / self.epochs, _HIGHEST_DEFAULT_RATE)
        if regularization is None:
            regularization = LOSSES[self.loss].regularization
        bias_rate = rate / 4 if self.bias_learning_rate is None else self.bias_learning_rate
        if not self.biases:
            bias_rate = 0.0
        return StepSizes(rate, bias_rate, regularization, self.bias_regularization)

    @property
    def row_rules(self) -> RowRules:
        """What one row minimizes, when it is solved for instead of learned in steps.

        The steps shrink a row once for each of its ratings, so the loss has its weights times
        their number. But a row of few ratings takes few steps, and stays nearer to zero than the
        minimum: solved for, it would fit its ratings too closely. Weights by the root of the
        number, equal to those of the steps at `_COUNT_OF_EQUAL_WEIGHTS`, predict best.
        """
        sizes, root = self.step_sizes, _COUNT_OF_EQUAL_WEIGHTS**0.5
        weights = sizes.regularization * root, sizes.bias_regularization * root
        penalty = Penalty(float(weights[0]), float(weights[1]), 0.5)
        learned = Penalty(float(sizes.regularization), float(sizes.bias_regularization), 1.0)
        return RowRules(
            penalty,
            self.loss,
            learned,
            biases=bool(self.biases),
            non_negative=bool(self.non_negative),
        )


class BiasedMF(FactorModel):
    """Ratings as mean + user bias + item bias + user factors . item factors.

    The model of Koren, Bell and Volinsky (2009), "Matrix factorization techniques for
    recommender systems", trained by stochastic gradient descent on

        sum(loss(r, prediction) + regularization * (|user|^2 + |item|^2)
            + bias_regularization * (user_bias^2 + item_bias^2))

    over a fixed grid of blocks. Ratings are centred and divided by their spread while training,
    so rates and regularization mean the same on any rating scale. The result is the same bits
    for any number of threads.

    Parameters
    ----------
    factors : int
        Length of a user's or item's vector.
    epochs : int
        Passes over the ratings at most.
    learning_rate : float, optional
        Rate of the first epoch; it falls linearly, to 0 after the last. Default 0.8 / `epochs`,
        at most 0.1.
    regularization : float, optional
        L2 weight of the factors, for each rating. Default by the loss: 0.043 (squared,
        logistic), 0.055 (absolute), 0.04 (sigmoid).
    bias_learning_rate : float, optional
        Rate of the biases; default a quarter of `learning_rate`.
    bias_regularization : float
        L2 weight of the biases, for each rating.
    initial_scale : float
        Standard deviation of the factors at the start.
    random_state : int
        Seed of the start, of the order of blocks, and of a hold-out given as a fraction.
    loss : {"squared", "absolute", "logistic", "sigmoid"}
        What is made small. "squared" is best for RMSE, "absolute" for MAE. The other two pass
        the sum through a sigmoid that spans the rating range, or 0 to 1 for ratings within:
        "logistic" is the cross entropy of the rating on that span, right for clicks of 0 and 1;
        "sigmoid" is the squared error.
    biases : bool
        Without them the sum is the product of the factors alone, with neither mean nor biases.
    non_negative : bool
        Keep factors (not biases) at 0 or above by projection after each step.

    Attributes
    ----------
    user_factors_, item_factors_ : (n_users, factors), (n_items, factors) float32
    user_bias_, item_bias_ : (n_users,), (n_items,) float32
    mean_ : float
        Mean of the training ratings.

    See `FactorModel` for further attributes and the methods.

    Examples
    --------
    >>> import fastmf
    >>> ratings = fastmf.read_ratings("ratings.csv")
    >>> model = fastmf.BiasedMF(factors=50).fit(ratings, valid=0.1)
    >>> model.recommend([42], n=10).item_ids
    """

    kind: ClassVar[str] = "mf"
    hyperparameters: ClassVar[type] = BiasedMFParameters

    def __init__(
        self,
        factors: int = BiasedMFParameters.factors,
        *,
        epochs: int = BiasedMFParameters.epochs,
        learning_rate: float | None = BiasedMFParameters.learning_rate,
        regularization: float | None = BiasedMFParameters.regularization,
        bias_learning_rate: float | None = BiasedMFParameters.bias_learning_rate,
        bias_regularization: float = BiasedMFParameters.bias_regularization,
        initial_scale: float = BiasedMFParameters.initial_scale,
        random_state: int = BiasedMFParameters.random_state,
        loss: LossName = BiasedMFParameters.loss,
        biases: bool = BiasedMFParameters.biases,
        non_negative: bool = BiasedMFParameters.non_negative,
    ) -> None:
        self.factors = factors
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.bias_learning_rate = bias_learning_rate
        self.bias_regularization = bias_regularization
        self.initial_scale = initial_scale
        self.random_state = random_state
        self.loss = loss
        self.biases = biases
        self.non_negative = non_negative

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        low, _ = train.rating_range
        identity = LOSSES[parameters.loss].link == "identity"
        if identity and parameters.non_negative and not parameters.biases and low < 0:
            raise DataError(
                f"non_negative factors without biases cannot predict ratings below 0, but the "
                f"lowest is {low:g}; keep the biases"
            )
        memory_beside_factors(parameters.factors, train, valid, run)

    def _warm_up(self, parameters: Any) -> None:
        warm_up(parameters)

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> Fitted:
        return SGDLearner.fit(parameters, train, valid, team, run)

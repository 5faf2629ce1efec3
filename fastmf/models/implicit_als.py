"""Matrix factorization of interactions: preferences with confidences, by least squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

from fastmf.data import Ratings
from fastmf.data.choices import check_choice
from fastmf.errors import DataError
from fastmf.models.alternating.als_learner import warm_up
from fastmf.models.alternating.implicit_learner import ImplicitLearner
from fastmf.models.alternating.row_problems import RowRules
from fastmf.models.alternating.row_solver import RowSolver, Solver
from fastmf.models.alternating.start import fitted_start
from fastmf.models.alternating.steps import Penalty
from fastmf.models.base import Learned
from fastmf.models.baseline import BiasBaseline
from fastmf.models.factor_model import FactorModel, Fitted
from fastmf.models.limits import (
    HIGHEST_SCALE,
    HIGHEST_WEIGHT,
    check_number,
    memory_beside_factors,
)
from fastmf.models.training_source import TrainingSource
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["ImplicitALS", "ImplicitALSParameters"]


@dataclass(frozen=True)
class ImplicitALSParameters:
    """Hyperparameters of `ImplicitALS`; see there. Checked when made.

    Raises
    ------
    ParameterError
        If a value is outside its limits.
    """

    factors: int = field(default=50, metadata={"help": "Length of a user's or item's vector."})
    epochs: int = field(default=15, metadata={"help": "Iterations (both sides once)."})
    regularization: float = field(default=0.01, metadata={"help": "L2 weight of the factors."})
    alpha: float = field(
        default=1.0, metadata={"help": "What one unit of a value adds to its confidence of 1."}
    )
    initial_scale: float = field(
        default=0.1, metadata={"help": "Standard deviation of the item factors at the start."}
    )
    random_state: int = field(default=0, metadata={"help": "Seed of all randomness."})
    solver: Solver = field(
        default="auto",
        metadata={
            "help": "How a row is solved: exactly (cholesky), by a few steps of conjugate "
            "gradients an epoch (cg), or exactly by blocks of factors in turn (block). auto is cg "
            "above 32 factors."
        },
    )
    cg_steps: int = field(default=3, metadata={"help": "Steps of cg in each half of an epoch."})
    block_size: int = field(
        default=64, metadata={"help": "Unknowns of a row that block solves together."}
    )
    # Of no use to a command, which starts from nothing fitted.
    warm_start: bool = field(
        default=False,
        metadata={"help": "Continue from what is fitted, if anything is.", "cli": False},
    )

    def __post_init__(self) -> None:
        check_number("factors", self.factors, whole=True, least=1)
        check_number("epochs", self.epochs, whole=True, least=1)
        check_number("regularization", self.regularization, least=0, most=HIGHEST_WEIGHT)
        check_number("alpha", self.alpha, above=0, most=HIGHEST_WEIGHT)
        check_number("initial_scale", self.initial_scale, above=0, most=HIGHEST_SCALE)
        check_number("random_state", self.random_state, whole=True, least=0)
        check_choice("solver", self.solver, get_args(Solver))
        check_number("cg_steps", self.cg_steps, whole=True, least=1)
        check_number("block_size", self.block_size, whole=True, least=1)
        check_choice("warm_start", self.warm_start, (True, False))

    @property
    def row_solver(self) -> RowSolver:
        """How rows are solved."""
        return RowSolver.of(self)

    @property
    def row_rules(self) -> RowRules:
        """What one row minimizes."""
        penalty = Penalty(float(self.regularization), 0.0, 0.0)
        return RowRules(penalty, biases=False, alpha=float(self.alpha))


class ImplicitALS(FactorModel):
    """Preferences of users for items from what they did: clicks, plays, purchases.

    The model of Hu, Koren and Volinsky (2008), "Collaborative filtering for implicit feedback
    datasets". A value above zero says that the user prefers the item, with confidence ``1 + alpha
    * value``; a pair without a value says that they do not, with confidence 1. User and item
    factors minimize

        sum over all pairs(confidence * (preference - user . item)^2)
            + regularization * (sum(|user|^2) + sum(|item|^2))

    by alternating least squares, each half-step solved exactly or nearly so. All pairs count, and
    yet an iteration costs no more than the values there are. The result is the same bits for any
    number of threads.

    Predictions are preferences, clipped to 0 and 1. They are not on the scale of the values, so
    their RMSE against values says nothing, and validation ratings are left out of training but
    do not end it early.

    Parameters
    ----------
    factors : int
        Length of a user's or item's vector. An epoch's time grows in proportion, by exact
        solutions with its square.
    epochs : int
        Iterations; each solves all users, then all items.
    regularization : float
        L2 weight of the factors.
    alpha : float
        What one unit of a value adds to its confidence.
    initial_scale : float
        Standard deviation of the item factors at the start.
    random_state : int
        Seed of the start, and of a hold-out given as a fraction.
    solver : {"auto", "cholesky", "cg", "block"}
        How least squares problems are solved: exactly; by `cg_steps` steps of conjugate gradients
        from the row of the epoch before, along the principal axes of the other side, whose time
        grows with the factors and not with their square; or by exact solutions for blocks of
        factors in turn (iALS++, Rendle et al. 2021). "auto" is "cg" above 32 factors.
    cg_steps : int
        With 3, errors are those of exact solutions to the fourth digit.
    block_size : int
        Unknowns that "block" solves together, about.
    warm_start : bool
        Whether `fit` continues from what the model has learned before, if anything: the rows of
        all users and items that are in the new ratings as well, which may be others or more, are
        where training starts. Without it, and for all that is new, the start is random.

    Attributes
    ----------
    user_factors_, item_factors_ : (n_users, factors), (n_items, factors) float32
    loss_ : float
        What is minimized, divided by the sum of the confidences of all pairs.
    train_rmse_ : float
        Its root, as in the history.

    See `FactorModel` for further attributes and the methods.
    """

    kind: ClassVar[str] = "implicit-als"
    scores_preferences: ClassVar[bool] = True
    patience_counts: ClassVar[str] = "never"  # nothing is validated
    hyperparameters: ClassVar[type] = ImplicitALSParameters

    def __init__(
        self,
        factors: int = ImplicitALSParameters.factors,
        *,
        epochs: int = ImplicitALSParameters.epochs,
        regularization: float = ImplicitALSParameters.regularization,
        alpha: float = ImplicitALSParameters.alpha,
        initial_scale: float = ImplicitALSParameters.initial_scale,
        random_state: int = ImplicitALSParameters.random_state,
        solver: Solver = ImplicitALSParameters.solver,
        cg_steps: int = ImplicitALSParameters.cg_steps,
        block_size: int = ImplicitALSParameters.block_size,
        warm_start: bool = ImplicitALSParameters.warm_start,
    ) -> None:
        self.factors = factors
        self.epochs = epochs
        self.regularization = regularization
        self.alpha = alpha
        self.initial_scale = initial_scale
        self.random_state = random_state
        self.solver = solver
        self.cg_steps = cg_steps
        self.block_size = block_size
        self.warm_start = warm_start

    @property
    def loss_(self) -> float:
        """What is minimized, divided by the sum of the confidences of all pairs."""
        self._check_fitted()
        return float(self.schedule_["loss"])

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        low, _ = train.rating_range
        if low < 0:
            raise DataError(
                f"the values of an implicit model are weights of what users did, but the lowest "
                f"is {low:g}; leave values below 0 out, or use model als for ratings"
            )
        memory_beside_factors(parameters.factors, train, None, run)

    def _warm_up(self, parameters: Any) -> None:
        warm_up(parameters.row_solver, parameters.factors)

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> Fitted:
        fitted = fitted_start(self, parameters)
        return ImplicitLearner.fit(parameters, train, team, run, fitted=fitted)

    def _adopt(
        self, ratings: Ratings, fitted: Learned, baseline: BiasBaseline, source: TrainingSource
    ) -> None:
        super()._adopt(ratings, fitted, baseline, source)
        self.rating_range_ = (0.0, 1.0)  # of preferences

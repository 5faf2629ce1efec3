"""Biased matrix factorization, trained by alternating least squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

from fastmf.data import Ratings
from fastmf.data.choices import check_choice
from fastmf.models.alternating.als_learner import ALSLearner, feature_rows, warm_up
from fastmf.models.alternating.row_problems import RowRules
from fastmf.models.alternating.row_solver import RowSolver, Solver
from fastmf.models.alternating.start import fitted_start
from fastmf.models.alternating.steps import Penalty
from fastmf.models.factor_model import FactorModel, Fitted
from fastmf.models.limits import (
    HIGHEST_SCALE,
    HIGHEST_WEIGHT,
    check_number,
    memory_beside_factors,
)
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["ALS", "ALSParameters"]


@dataclass(frozen=True)
class ALSParameters:
    """Hyperparameters of `ALS`; see there. Checked when made.

    Raises
    ------
    ParameterError
        If a value is outside its limits.
    """

    factors: int = field(default=50, metadata={"help": "Length of a user's or item's vector."})
    epochs: int = field(default=15, metadata={"help": "Iterations (both sides once) at most."})
    regularization: float = field(default=0.65, metadata={"help": "L2 weight of the factors."})
    bias_regularization: float = field(default=0.5, metadata={"help": "L2 weight of the biases."})
    regularization_exponent: float = field(
        default=0.6,
        metadata={
            "help": "Both weights are multiplied by the number of a row's ratings to this power: "
            "0 is plain regularization, 1 weights by the number (ALS-WR)."
        },
    )
    initial_scale: float = field(
        default=0.02, metadata={"help": "Standard deviation of the item factors at the start."}
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
    implicit_features: bool = field(
        default=False,
        metadata={"help": "Explain as well which items were rated: more accurate, slower."},
    )
    # Of no use to a command, which starts from nothing fitted.
    warm_start: bool = field(
        default=False,
        metadata={"help": "Continue from what is fitted, if anything is.", "cli": False},
    )

    def __post_init__(self) -> None:
        check_number("factors", self.factors, whole=True, least=1)
        check_number("epochs", self.epochs, whole=True, least=1)
        for name in ("regularization", "bias_regularization"):
            check_number(name, getattr(self, name), least=0, most=HIGHEST_WEIGHT)
        check_number("regularization_exponent", self.regularization_exponent, least=0, most=1)
        check_number("initial_scale", self.initial_scale, above=0, most=HIGHEST_SCALE)
        check_number("random_state", self.random_state, whole=True, least=0)
        check_choice("solver", self.solver, get_args(Solver))
        check_number("cg_steps", self.cg_steps, whole=True, least=1)
        check_number("block_size", self.block_size, whole=True, least=1)
        check_choice("warm_start", self.warm_start, (True, False))
        check_choice("implicit_features", self.implicit_features, (True, False))

    @property
    def penalty(self) -> Penalty:
        """The regularization of both sides."""
        return Penalty(
            float(self.regularization),
            float(self.bias_regularization),
            float(self.regularization_exponent),
        )

    @property
    def row_solver(self) -> RowSolver:
        """How rows are solved."""
        return RowSolver.of(self)

    @property
    def row_rules(self) -> RowRules:
        """What one row minimizes."""
        return RowRules(self.penalty)


class ALS(FactorModel):
    """User and item biases and the product of factors, by alternating least squares.

    The model of `BiasedMF`, trained by alternating least squares on

        sum((r - prediction)^2) + sum over users and items of their number of ratings to the power
        of `regularization_exponent`, times (regularization * |factors|^2 + bias_regularization *
        bias^2)

    Each user's factors and bias are set to the minimum for the items as they are, or close to it,
    then each item's for the users (Zhou et al. 2008, with biases solved jointly). There is no
    learning rate, the training loss falls with every half of an epoch, and a few epochs are
    enough. Ratings are centred and divided by their spread while training, so regularization means
    the same on any rating scale. The result is the same bits for any number of threads.

    Parameters
    ----------
    factors : int
        Length of a user's or item's vector. An epoch's time grows in proportion, by exact
        solutions with its square.
    epochs : int
        Iterations at most; each solves all users, then all items.
    regularization : float
        L2 weight of the factors. With 0, rows of fewer ratings than factors have no unique
        solution, and one of small norm is taken.
    bias_regularization : float
        L2 weight of the biases.
    regularization_exponent : float
        From 0, plain regularization, to 1, weights in proportion to a row's number of ratings
        (ALS-WR).
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
    implicit_features : bool
        Whether users' and items' factors are to explain which items were rated as well, with
        further factors that are not kept.
    warm_start : bool
        Whether `fit` continues from what the model has learned before, if anything: the rows of
        all users and items that are in the new ratings as well, which may be others or more, are
        where training starts. Without it, and for all that is new, the start is random.

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
    >>> model = ALS(factors=50).fit(ratings, valid=0.1)
    >>> model.recommend([42], n=10).item_ids
    """

    kind: ClassVar[str] = "als"
    patience_counts: ClassVar[str] = "always"  # no rate falls by plan: what gets worse stays so
    hyperparameters: ClassVar[type] = ALSParameters

    def __init__(
        self,
        factors: int = ALSParameters.factors,
        *,
        epochs: int = ALSParameters.epochs,
        regularization: float = ALSParameters.regularization,
        bias_regularization: float = ALSParameters.bias_regularization,
        regularization_exponent: float = ALSParameters.regularization_exponent,
        initial_scale: float = ALSParameters.initial_scale,
        random_state: int = ALSParameters.random_state,
        solver: Solver = ALSParameters.solver,
        cg_steps: int = ALSParameters.cg_steps,
        block_size: int = ALSParameters.block_size,
        implicit_features: bool = ALSParameters.implicit_features,
        warm_start: bool = ALSParameters.warm_start,
    ) -> None:
        self.factors = factors
        self.epochs = epochs
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.regularization_exponent = regularization_exponent
        self.initial_scale = initial_scale
        self.random_state = random_state
        self.solver = solver
        self.cg_steps = cg_steps
        self.block_size = block_size
        self.implicit_features = implicit_features
        self.warm_start = warm_start

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        more = feature_rows(parameters, train)
        memory_beside_factors(parameters.factors, train, valid, run, more_rows=more)

    def _warm_up(self, parameters: Any) -> None:
        features = bool(parameters.implicit_features)
        warm_up(parameters.row_solver, parameters.factors + 1, features=features)

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> Fitted:
        fitted = fitted_start(self, parameters)
        return ALSLearner.fit(parameters, train, valid, team, run, fitted=fitted)

"""Hyperparameters that the networks share, each told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from fastmf.data.choices import check_choice
from fastmf.errors import ParameterError
from fastmf.models.limits import check_number

__all__ = [
    "HIGHEST_WEIGHT",
    "InitialName",
    "NetworkParameters",
    "OptimizerName",
    "OutputName",
    "RatingLossName",
    "RatingParameters",
    "ScheduleName",
    "check_part",
]

OptimizerName = Literal["adam", "adamw", "adagrad", "sgd"]
ScheduleName = Literal["constant", "linear", "cosine", "step"]
InitialName = Literal["normal", "uniform", "he", "glorot"]
RatingLossName = Literal["mse", "mae", "rmse"]
OutputName = Literal["linear", "sigmoid", "relu"]

# Far past anything of use, and far from where float32 overflows.
_HIGHEST_RATE = 100.0
HIGHEST_WEIGHT = 100.0

# Batches by default are up to as many an epoch, but for very many ratings. More shrink a row more
# often, and it does not grow more often. Validation RMSE on MovieLens-1M, -100K and latest-small:
# bias-dot .841, .899, .855, and with a constant rate and no decay .853, .906, .857; mlp .860 and
# .915, and .875 and .923 without decay.
_STEPS_OF_DEFAULT_DECAY = 800
_LARGEST_BATCH = 1 << 24

# Ratings of a batch by default: this part of the training ratings, within these limits.
_BATCHES_OF_AN_EPOCH = 400
_BATCH_LIMITS = (128, 8192)


@dataclass(frozen=True)
class NetworkParameters:
    """Hyperparameters of every network over embeddings. Checked when made.

    Attributes
    ----------
    factors : int
        Length of a user's or item's embedding.
    epochs : int
        Passes over the ratings at most.
    batch_size : int, optional
        Ratings of a step; one batch where there are fewer ratings. Default a 400th of the
        training ratings, rounded to a power of 2, between 128 and 8,192.
    learning_rate : float
        Of the optimizer; what a schedule begins with.
    optimizer : {"adam", "adamw", "adagrad", "sgd"}
        Rows of embeddings that a batch does not touch move by momentum and weight decay all the
        same, as in dense training.
    momentum : float
        Of "sgd".
    schedule : {"constant", "linear", "cosine", "step"}
        The learning rate's course over the epochs: constant; falling to 0 linearly, or as half a
        cosine; or a tenth after each third of the epochs.
    warm_up : float
        Part of all steps in which the rate first rises from 0.
    regularization : float
        The loss has this times the squares of a rating's own rows besides, in the mean over
        the batch.
    weight_decay : float, optional
        Decoupled from the loss: each step shrinks all rows and weights, but no biases, by this
        times the rate. Default `default_decay` with "adam" and "adamw", whose steps are as long for
        a row of few ratings as for one of many, and less where an epoch has more than 800 steps;
        0 with the others.
    clip_norm : float, optional
        All gradients are scaled down to this norm where theirs is greater; default never.
    dropout : float
        Part of the elements that is left out at random in each step, where the model says.
    initial : {"normal", "uniform", "he", "glorot"}
        Embeddings at the start: normal with standard deviation 0.05; uniform within 0.05, as Keras
        has it; normal with variance 2 / factors; or Glorot's uniform one, for a matrix of their
        shape.
    random_state : int
        Seed of all randomness: the start, the order of ratings, dropout, a hold-out given as a
        fraction.

    Raises
    ------
    ParameterError
        If a value is outside its limits.
    """

    factors: int = field(default=50, metadata={"help": "Length of a user's or item's embedding."})
    epochs: int = field(default=12, metadata={"help": "Passes over the ratings at most."})
    batch_size: int | None = field(
        default=None,
        metadata={"help": "Ratings of a step. Default a 400th of them, from 128 to 8,192."},
    )
    learning_rate: float = field(
        default=0.001, metadata={"help": "Learning rate, which the schedule begins with."}
    )
    optimizer: OptimizerName = field(
        default="adam", metadata={"help": "Exact for rows of embeddings as well, untouched or not."}
    )
    momentum: float = field(default=0.9, metadata={"help": "Momentum of sgd."})
    schedule: ScheduleName = field(
        default="linear", metadata={"help": "Course of the learning rate over the epochs."}
    )
    warm_up: float = field(
        default=0.0, metadata={"help": "Part of all steps in which the rate rises from 0."}
    )
    regularization: float = field(
        default=0.0,
        metadata={"help": "L2 weight in the loss, of a rating's rows."},
    )
    weight_decay: float | None = field(
        default=None,
        metadata={
            "help": "Decay of all rows and weights but biases, decoupled from the loss. Default by "
            "the steps of an epoch, 0 for sgd and adagrad."
        },
    )
    clip_norm: float | None = field(
        default=None, metadata={"help": "Greatest norm of all gradients. Default no limit."}
    )
    dropout: float = field(
        default=0.0, metadata={"help": "Part of the elements left out at random in a step."}
    )
    initial: InitialName = field(default="normal", metadata={"help": "How embeddings start."})
    random_state: int = field(default=0, metadata={"help": "Seed of all randomness."})

    default_decay: ClassVar[float] = 0.25
    """Weight decay by default."""

    def __post_init__(self) -> None:
        for name in ("factors", "epochs"):
            check_number(name, getattr(self, name), whole=True, least=1)
        if self.batch_size is not None:
            limits: dict[str, Any] = {"least": 1, "most": _LARGEST_BATCH}
            check_number("batch_size", self.batch_size, whole=True, **limits)
        check_number("learning_rate", self.learning_rate, above=0, most=_HIGHEST_RATE)
        for name in ("regularization", "weight_decay"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), least=0, most=HIGHEST_WEIGHT)
        for name in ("momentum", "warm_up", "dropout"):
            check_part(name, getattr(self, name))
        if self.clip_norm is not None:
            check_number("clip_norm", self.clip_norm, above=0)
        check_number("random_state", self.random_state, whole=True, least=0)
        check_choice("optimizer", self.optimizer, get_args(OptimizerName))
        check_choice("schedule", self.schedule, get_args(ScheduleName))
        check_choice("initial", self.initial, get_args(InitialName))

    @property
    def weight_penalty(self) -> float:
        """L2 weight in the loss of dense weights; here are none."""
        return 0.0

    def decay_of(self, n_batches: int) -> float:
        """Return the weight decay of a step.

        Parameters
        ----------
        n_batches : int
            Steps of an epoch.

        Returns
        -------
        float
        """
        if self.weight_decay is not None:
            return float(self.weight_decay)
        if self.optimizer not in ("adam", "adamw"):
            return 0.0
        return self.default_decay * min(1, _STEPS_OF_DEFAULT_DECAY / n_batches)

    def batch_of(self, n_ratings: int) -> int:
        """Return the ratings of a batch.

        Parameters
        ----------
        n_ratings : int
            Training ratings.

        Returns
        -------
        int
            At most `n_ratings`.
        """
        if self.batch_size is not None:
            return min(int(self.batch_size), n_ratings)
        low, high = _BATCH_LIMITS
        wanted = max(1, n_ratings // _BATCHES_OF_AN_EPOCH)
        return min(max(low, min(high, 1 << (wanted.bit_length() - 1))), n_ratings)


@dataclass(frozen=True)
class RatingParameters(NetworkParameters):
    """Hyperparameters of networks that predict a rating as a number.

    Attributes
    ----------
    loss : {"mse", "mae", "rmse"}
        Mean squared error, mean absolute error, or the root of the batch's mean squared error,
        all in units of the ratings' spread.

    See `NetworkParameters` for the others.
    """

    loss: RatingLossName = field(
        default="mse", metadata={"help": "Error that training makes small."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("loss", self.loss, get_args(RatingLossName))


def check_part(name: str, value: Any) -> None:
    """Refuse what is no number from 0 to below 1.

    Parameters
    ----------
    name : str
        The hyperparameter, for the message.
    value : object

    Raises
    ------
    ParameterError
    """
    check_number(name, value, least=0)
    if value >= 1:
        raise ParameterError(f"{name} is {value}, but it must be below 1")

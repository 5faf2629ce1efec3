"""Hyperparameters of AutoRec."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from fastmf.data.choices import check_choice
from fastmf.errors import ParameterError
from fastmf.models.autoencoder.ratings import Base
from fastmf.models.limits import check_number, units_of
from fastmf.models.networks.parameters import ScheduleName, check_part
from fastmf.nn.activations import ACTIVATIONS
from fastmf.nn.optimizers import SGD, Adam, RProp

__all__ = ["AutoRecParameters"]

ActivationName = Literal["sigmoid", "selu", "relu", "tanh", "linear"]
OptimizerName = Literal["adam", "sgd", "rprop", "lbfgs"]
OutputName = Literal["linear", "sigmoid"]

# Far past anything of use, and far from where float32 overflows.
_HIGHEST_RATE = 10.0
_HIGHEST_WEIGHT = 100.0
_LARGEST_BATCH = 1 << 24

# What keeps the centre of a row with few ratings near the mean of all.
_PRIOR_COUNT = 3.0

# Ratings of a batch by default: this part of them, within these limits.
_BATCHES_OF_AN_EPOCH = 8
_BATCH_LIMITS = (1 << 12, 1 << 20)

# Rows of a batch by default at most: 32 units of so many are 1 MiB, which stay in the second-level
# cache. With rows of 36 ratings, 14 thousand of them take longer for each rating.
_MOST_ROWS = 1 << 13


@dataclass(frozen=True)
class AutoRecParameters:
    """Hyperparameters of `AutoRec`; see there. Checked when made.

    Raises
    ------
    ParameterError
        If a value is outside its limits.
    """

    hidden: tuple[int, ...] = field(
        default=(500,), metadata={"help": "Units of the hidden layers, such as 500 or 700,128."}
    )
    base: Base = field(
        default="item", metadata={"help": "Whose ratings are encoded: each item's or user's."}
    )
    epochs: int = field(default=50, metadata={"help": "Passes over the ratings at most."})
    batch_size: int | None = field(
        default=None,
        metadata={
            "help": "Items (or users) of a step. Default as many as have an eighth of the "
            "ratings, at most a million of them; 8,192 at most."
        },
    )
    learning_rate: float = field(
        default=0.0015, metadata={"help": "Learning rate, which the schedule begins with."}
    )
    schedule: ScheduleName = field(
        default="linear", metadata={"help": "Course of the learning rate over the epochs."}
    )
    warm_up: float = field(
        default=0.0, metadata={"help": "Part of all steps in which the rate rises from 0."}
    )
    optimizer: OptimizerName = field(
        default="adam",
        metadata={
            "help": "Steps are for the users (or items) that a batch has ratings of; rprop and "
            "lbfgs take one with all ratings in each epoch."
        },
    )
    momentum: float = field(default=0.9, metadata={"help": "Momentum of sgd."})
    regularization: float = field(default=0.06, metadata={"help": "L2 weight in the loss."})
    weight_decay: float = field(
        default=0.0, metadata={"help": "Decay of touched weights, decoupled from the loss."}
    )
    presence: float = field(
        default=3.0,
        metadata={
            "help": "What each rating adds to the input besides its centred value, in spreads: "
            "the network then sees which ratings there are. 0 for the values alone."
        },
    )
    normalized_input: bool = field(
        default=True,
        metadata={"help": "Make inputs of many and of few ratings alike in size."},
    )
    centred_rows: bool = field(
        default=True,
        metadata={
            "help": "Take ratings less the mean of their item (or user, by base), and add it to "
            "what the network predicts."
        },
    )
    activation: ActivationName = field(
        default="sigmoid", metadata={"help": "Activation of the hidden layers."}
    )
    output: OutputName = field(
        default="linear", metadata={"help": "How an output becomes a rating."}
    )
    dropout: float = field(
        default=0.3, metadata={"help": "Part of the hidden units left out at random in a step."}
    )
    input_dropout: float = field(
        default=0.2, metadata={"help": "Part of the ratings left out of the input in a step."}
    )
    batch_norm: bool = field(
        default=False, metadata={"help": "Normalize hidden layers over the batch."}
    )
    tied: bool = field(
        default=False, metadata={"help": "Use the input's weights for the output as well."}
    )
    refeeding: bool = field(
        default=False,
        metadata={"help": "Train on the dense outputs of each batch as well; slow."},
    )
    random_state: int = field(default=0, metadata={"help": "Seed of all randomness."})

    def __post_init__(self) -> None:
        self._check_layers()
        check_choice("base", self.base, get_args(Base))
        check_number("epochs", self.epochs, whole=True, least=1)
        if self.batch_size is not None:
            limits: dict[str, Any] = {"least": 1, "most": _LARGEST_BATCH}
            check_number("batch_size", self.batch_size, whole=True, **limits)
        check_number("learning_rate", self.learning_rate, above=0, most=_HIGHEST_RATE)
        for name in ("regularization", "weight_decay"):
            check_number(name, getattr(self, name), least=0, most=_HIGHEST_WEIGHT)
        for name in ("momentum", "warm_up", "dropout", "input_dropout"):
            check_part(name, getattr(self, name))
        check_number("presence", self.presence, least=0, most=_HIGHEST_WEIGHT)
        check_number("random_state", self.random_state, whole=True, least=0)
        check_choice("optimizer", self.optimizer, get_args(OptimizerName))
        check_choice("schedule", self.schedule, get_args(ScheduleName))
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("output", self.output, get_args(OutputName))
        for name in ("centred_rows", "normalized_input", "batch_norm", "tied", "refeeding"):
            check_choice(name, getattr(self, name), (True, False))
        self._check_whole_batch()

    def _check_layers(self) -> None:
        units = units_of(self.hidden, "(500,)")
        if not units:
            raise ParameterError("hidden is empty, but there must be a layer, such as (500,)")
        if self.tied is True and units[0] != units[-1]:
            raise ParameterError(
                f"hidden is {units}, but tied weights need as many units in the last layer "
                "as in the first"
            )
        object.__setattr__(self, "hidden", units)

    def _check_whole_batch(self) -> None:
        if self.takes_whole_batches and self.batch_size is not None:
            raise ParameterError(
                f"batch_size is {self.batch_size}, but {self.optimizer} takes all ratings in each "
                "step; leave it out"
            )
        if self.optimizer != "lbfgs":
            return
        names = ("dropout", "input_dropout", "weight_decay", "refeeding")
        given = [name for name in names if getattr(self, name)]
        if given:
            listed = " and ".join(f"{name} is {getattr(self, name)}" for name in given)
            raise ParameterError(
                f"{listed}, but lbfgs needs the same loss in each step; set "
                f"{' and '.join(given)} to 0"
            )

    @property
    def takes_whole_batches(self) -> bool:
        """Whether all ratings are one batch."""
        return self.optimizer in ("rprop", "lbfgs")

    @property
    def layers(self) -> tuple[int, ...]:
        """Units of the hidden layers."""
        return self.hidden

    @property
    def rule(self) -> Adam | SGD | RProp:
        """The optimizer; for lbfgs what tells it gradients."""
        decay = float(self.weight_decay)
        if self.optimizer == "lbfgs":
            return SGD()
        if self.optimizer == "sgd":
            return SGD(momentum=float(self.momentum), weight_decay=decay)
        if self.optimizer == "rprop":
            return RProp(weight_decay=decay)
        return Adam(weight_decay=decay)

    @property
    def prior_count(self) -> float:
        """How many ratings of 0 the centre of a row has besides the row's own; 0: no centre."""
        return _PRIOR_COUNT if self.centred_rows else 0.0

    def batch_of(self, n_ratings: int, n_rows: int) -> int:
        """Return the rows of a batch.

        Parameters
        ----------
        n_ratings : int
            Training ratings.
        n_rows : int
            Items, or users, that have some.

        Returns
        -------
        int
            At most `n_rows`.
        """
        if self.takes_whole_batches:
            return n_rows
        if self.batch_size is not None:
            return min(int(self.batch_size), n_rows)
        low, high = _BATCH_LIMITS
        wanted = max(low, min(high, n_ratings // _BATCHES_OF_AN_EPOCH))
        return max(1, min(n_rows, _MOST_ROWS, round(wanted * n_rows / n_ratings)))

"""Dot products of embeddings, trained as networks: plain, biased, scaled, and by cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from fastmf.data.choices import check_choice
from fastmf.models.alternating.row_problems import RowRules
from fastmf.models.networks.dot_model import DotModel, row_rules_of
from fastmf.models.networks.parameters import NetworkParameters, RatingParameters

__all__ = [
    "BCEDot",
    "BCEDotParameters",
    "BiasDot",
    "BiasDotParameters",
    "Dot",
    "DotParameters",
    "ScaledDot",
    "ScaledDotParameters",
]

DotOutput = Literal["linear", "sigmoid"]


@dataclass(frozen=True)
class DotParameters(RatingParameters):
    """Hyperparameters of `Dot`; see `RatingParameters`.

    Attributes
    ----------
    output : {"linear", "sigmoid"}
        How the sum becomes a rating: as it is, or through a sigmoid that spans the range of the
        ratings.
    """

    learning_rate: float = field(
        default=0.003, metadata={"help": "Learning rate, which the schedule begins with."}
    )
    regularization: float = field(
        default=0.01, metadata={"help": "L2 weight in the loss, of a rating's rows."}
    )
    output: DotOutput = field(default="linear", metadata={"help": "How the sum becomes a rating."})

    biases: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("output", self.output, get_args(DotOutput))

    @property
    def row_rules(self) -> RowRules:
        """What one row minimizes that is folded in."""
        return row_rules_of(self.loss, self.output, biases=self.biases)


@dataclass(frozen=True)
class BiasDotParameters(DotParameters):
    """Hyperparameters of `BiasDot`; see `DotParameters`."""

    biases: ClassVar[bool] = True


@dataclass(frozen=True)
class ScaledDotParameters(DotParameters):
    """Hyperparameters of `ScaledDot`; see `DotParameters`."""


@dataclass(frozen=True)
class BCEDotParameters(NetworkParameters):
    """Hyperparameters of `BCEDot`; see `NetworkParameters`."""

    learning_rate: float = field(
        default=0.003, metadata={"help": "Learning rate, which the schedule begins with."}
    )
    regularization: float = field(
        default=0.002, metadata={"help": "L2 weight in the loss, of a rating's rows."}
    )

    loss: ClassVar[str] = "bce"
    output: ClassVar[str] = "sigmoid"

    @property
    def row_rules(self) -> RowRules:
        """What one row minimizes that is folded in."""
        return row_rules_of(self.loss, self.output, biases=True)


class Dot(DotModel):
    """A rating as the mean + the product of a user's and an item's embedding.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, loss, output
        See `fastmf.models.networks.parameters` and `DotParameters`. Dropout is on the embeddings.

    See `FactorModel` for the attributes of a fitted model and the methods.

    Examples
    --------
    >>> import fastmf
    >>> model = fastmf.Dot(factors=20).fit(fastmf.read_ratings("ratings.csv"), valid=0.1)
    """

    kind: ClassVar[str] = "dot"
    hyperparameters: ClassVar[type] = DotParameters


class BiasDot(DotModel):
    """A rating as the mean + user bias + item bias + the product of the embeddings.

    With output "sigmoid" the sum goes through one that spans the range of the ratings. The model
    is that of `BiasedMF`; what differs is how it is trained: by mini-batches and an adaptive
    optimizer, in random order.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, loss, output
        See `fastmf.models.networks.parameters` and `DotParameters`. Dropout is on the embeddings.

    See `FactorModel` for the attributes of a fitted model and the methods.
    """

    kind: ClassVar[str] = "bias-dot"
    hyperparameters: ClassVar[type] = BiasDotParameters


class ScaledDot(DotModel):
    """A rating as ``mean + (user + user bias) . (item + item bias) + bias``.

    A bias is one number that is added to every element of an embedding, so that it scales what
    the other embedding sums up to. Dropout is on the embeddings, biases included.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, loss, output
        See `fastmf.models.networks.parameters` and `DotParameters`.

    See `FactorModel` for the attributes of a fitted model and the methods. Its factors have the
    biases in them.
    """

    kind: ClassVar[str] = "scaled-dot"
    hyperparameters: ClassVar[type] = ScaledDotParameters
    scaled: ClassVar[bool] = True


class BCEDot(DotModel):
    """A rating, scaled to 0-1, as the probability of a biased dot product.

    The cross-entropy of the rating's place between the lowest and the highest (or between 0 and 1
    for ratings within), with ``sigmoid(user bias + item bias + user . item)``.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state
        See `fastmf.models.networks.parameters`. Dropout is on the embeddings.

    See `FactorModel` for the attributes of a fitted model and the methods.
    """

    kind: ClassVar[str] = "bce-dot"
    hyperparameters: ClassVar[type] = BCEDotParameters

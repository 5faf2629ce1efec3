"""Hyperparameters of the networks with dense layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from fastmf.data.choices import check_choice
from fastmf.models.limits import check_number, units_of
from fastmf.models.networks.parameters import (
    HIGHEST_WEIGHT,
    NetworkParameters,
    OutputName,
    RatingParameters,
    check_part,
)

__all__ = ["ActivationName", "DeepRatingParameters", "HiddenParameters"]

ActivationName = Literal["relu", "selu", "tanh", "sigmoid"]


@dataclass(frozen=True)
class HiddenParameters(NetworkParameters):
    """Hyperparameters of networks with a stack of dense layers.

    Attributes
    ----------
    hidden : tuple of int
        Units of the hidden layers; none makes the output a linear function of the embeddings.
    activation : {"relu", "selu", "tanh", "sigmoid"}
        Of the hidden layers.
    input_dropout : float
        Dropout in front of the first layer; `dropout` is that behind each hidden layer.
    batch_norm : bool
        Whether hidden layers are normalized over the batch, before their activation.
    biased_dot : bool
        Whether the dot product of the embeddings and a bias of user and item, as of `BiasDot`, are
        added to what the layers put out. Without it a network has to learn to multiply, and comes
        to less.
    dense_regularization : float
        The loss has this times the squares of all dense weights besides.

    See `NetworkParameters` for the others.
    """

    # Validation RMSE of mlp with these, on MovieLens-100K and the anime series of `bench seeds`,
    # split by another seed: .903 and 1.100; on -1M .8438 with an L2 of .003, .8448 with .01.
    # Without the dot product, at the settings that were best then (rate .001, dropout .2,
    # decay .5, no L2): .921, 1.127 and .866; bias-dot has .908, 1.100 and .8455. Chosen of rates
    # from .001 to .012, dropouts to .85, decays from .25 to .5 and L2 from 0 to .03.
    learning_rate: float = field(
        default=0.008, metadata={"help": "Learning rate, which the schedule begins with."}
    )
    regularization: float = field(
        default=0.005, metadata={"help": "L2 weight in the loss, of a rating's rows."}
    )
    dropout: float = field(
        default=0.5, metadata={"help": "Part of each hidden layer left out at random in a step."}
    )
    hidden: tuple[int, ...] = field(
        default=(100, 50), metadata={"help": "Units of the hidden layers, such as 100,50."}
    )
    activation: ActivationName = field(
        default="relu", metadata={"help": "Activation of the hidden layers."}
    )
    input_dropout: float = field(
        default=0.0, metadata={"help": "Dropout in front of the first layer."}
    )
    batch_norm: bool = field(
        default=False, metadata={"help": "Normalize hidden layers over the batch."}
    )

    biased_dot: bool = field(
        default=True,
        metadata={"help": "Add the dot product of the embeddings, and biases, to the output."},
    )
    dense_regularization: float = field(
        default=0.0, metadata={"help": "L2 weight in the loss, of dense weights."}
    )

    default_decay: ClassVar[float] = 0.35

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "hidden", units_of(self.hidden, "(100, 50)"))
        check_choice("activation", self.activation, get_args(ActivationName))
        check_part("input_dropout", self.input_dropout)
        for name in ("batch_norm", "biased_dot"):
            check_choice(name, getattr(self, name), (True, False))
        weight: dict[str, Any] = {"least": 0, "most": HIGHEST_WEIGHT}
        check_number("dense_regularization", self.dense_regularization, **weight)

    @property
    def weight_penalty(self) -> float:
        """L2 weight in the loss of dense weights."""
        return float(self.dense_regularization)


@dataclass(frozen=True)
class DeepRatingParameters(HiddenParameters, RatingParameters):
    """Hyperparameters of networks with dense layers that predict a rating as a number.

    Attributes
    ----------
    output : {"linear", "sigmoid", "relu"}
        How the last sum becomes a rating: as it is, through a sigmoid that spans the range of
        the ratings, or its positive part.

    See `NetworkParameters`, `HiddenParameters` and `RatingParameters` for the others.
    """

    output: OutputName = field(
        default="linear", metadata={"help": "How the last sum becomes a rating."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("output", self.output, get_args(OutputName))

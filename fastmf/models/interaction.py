"""Likes and dislikes: alone, and together with ratings on one body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from fastmf.data import Ratings
from fastmf.data.choices import check_choice
from fastmf.errors import ParameterError
from fastmf.models.base import Learned
from fastmf.models.baseline import BiasBaseline
from fastmf.models.limits import check_number
from fastmf.models.networks.census import RatingCensus
from fastmf.models.networks.class_objectives import LikeObjective, RatingAndLikeObjective
from fastmf.models.networks.hidden_parameters import HiddenParameters
from fastmf.models.networks.like_model import LikeModel, like_objective
from fastmf.models.networks.objectives import RatingObjective
from fastmf.models.networks.parameters import OutputName
from fastmf.models.training_source import TrainingSource

__all__ = ["Interaction", "InteractionParameters", "Multitask", "MultitaskParameters"]

TaskLossName = Literal["mse", "mae"]

_HIGHEST_WEIGHT = 1e6


@dataclass(frozen=True)
class InteractionParameters(HiddenParameters):
    """Hyperparameters of `Interaction`; see `HiddenParameters`.

    Attributes
    ----------
    like_above : float, optional
        Ratings above it are likes, all others, those of items given up included, are none.
        Default where 5 lies on a scale of 1 to 10.
    """

    like_above: float | None = field(
        default=None,
        metadata={"help": "Ratings above it are likes. Default where 5 lies on 1 to 10."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.like_above is not None:
            check_number("like_above", self.like_above)


@dataclass(frozen=True)
class MultitaskParameters(InteractionParameters):
    """Hyperparameters of `Multitask`; see `InteractionParameters` and `HiddenParameters`.

    Attributes
    ----------
    loss : {"mse", "mae"}
        Of the ratings.
    output : {"linear", "sigmoid", "relu"}
        How an output becomes a rating, as for `MLP`.
    rating_weight, interaction_weight : float
        Of the two losses in their sum. What likes tell besides the ratings that they are made of
        is little, so theirs is the smaller by default.
    """

    loss: TaskLossName = field(
        default="mse", metadata={"help": "Error of the ratings that training makes small."}
    )
    output: OutputName = field(
        default="linear", metadata={"help": "How an output becomes a rating."}
    )
    rating_weight: float = field(default=1.0, metadata={"help": "Weight of the ratings' loss."})
    # Validation RMSE on the anime ratings of `bench seeds`, mean of two other seeds: 1.1322, with
    # .1 1.1329, without likes (mlp) 1.1326; accuracy of likes .935 with either.
    interaction_weight: float = field(default=0.03, metadata={"help": "Weight of the likes' loss."})

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("loss", self.loss, get_args(TaskLossName))
        check_choice("output", self.output, get_args(OutputName))
        for name in ("rating_weight", "interaction_weight"):
            check_number(name, getattr(self, name), least=0, most=_HIGHEST_WEIGHT)
        if self.rating_weight == self.interaction_weight == 0:
            raise ParameterError("rating_weight and interaction_weight are both 0; raise one")


class Interaction(LikeModel):
    """The probability that a user likes an item, by dense layers over both embeddings.

    A rating above a threshold is a like; others, and what was given up, are none. Trained by
    binary cross-entropy. Predictions are probabilities; ratings of training and validation are
    turned into likes, and the errors in the history are those of probabilities.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, hidden, activation,
    input_dropout, batch_norm, biased_dot, dense_regularization, like_above
        See `fastmf.models.networks.parameters` and `InteractionParameters`.

    Attributes
    ----------
    likes_ : LikeScores or None
        Accuracy, precision, recall and cross-entropy on the validation ratings.
    like_above_ : float
        The threshold in use.

    See `RatingModel` for further attributes and the methods.
    """

    kind: ClassVar[str] = "interaction"
    scores_preferences: ClassVar[bool] = True
    hyperparameters: ClassVar[type] = InteractionParameters

    def _objective(self, parameters: Any, census: RatingCensus) -> LikeObjective:
        return like_objective(parameters.like_above, census)

    def _restored_objective(self, record: dict[str, Any]) -> LikeObjective:
        return LikeObjective(float(record["threshold"]), float(record["share"]))

    def _prediction_range(self, rating_range: tuple[float, float]) -> tuple[float, float]:
        return 0.0, 1.0

    def _adopt(
        self, ratings: Ratings, fitted: Learned, baseline: BiasBaseline, source: TrainingSource
    ) -> None:
        super()._adopt(ratings, fitted, baseline, source)
        self.rating_range_ = (0.0, 1.0)  # of probabilities


class Multitask(LikeModel):
    """A rating and the probability of a like, by two outputs of one network.

    The loss is a weighted sum of the ratings' and of the likes' (see `Interaction`); what the
    body learns for the one serves the other. `predict` and `recommend` are by the rating,
    `predict_likes` by the other output.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, hidden, activation,
    input_dropout, batch_norm, biased_dot, dense_regularization, like_above, loss, output,
    rating_weight, interaction_weight
        See `fastmf.models.networks.parameters` and `MultitaskParameters`.

    Attributes
    ----------
    likes_ : LikeScores or None
        Accuracy, precision, recall and cross-entropy on the validation ratings.
    like_above_ : float
        The threshold in use.

    See `RatingModel` for further attributes and the methods.
    """

    kind: ClassVar[str] = "multitask"
    hyperparameters: ClassVar[type] = MultitaskParameters

    def _objective(self, parameters: Any, census: RatingCensus) -> RatingAndLikeObjective:
        return RatingAndLikeObjective(
            RatingObjective.of(census, parameters.loss, parameters.output),
            like_objective(parameters.like_above, census),
            float(parameters.rating_weight),
            float(parameters.interaction_weight),
        )

    def _restored_objective(self, record: dict[str, Any]) -> RatingAndLikeObjective:
        weights = float(record["rating_weight"]), float(record["like_weight"])
        like = record["like"]
        return RatingAndLikeObjective(
            RatingObjective(**record["rating"]),
            LikeObjective(float(like["threshold"]), float(like["share"])),
            *weights,
        )

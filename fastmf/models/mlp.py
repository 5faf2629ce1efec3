"""Multi-layer perceptrons over embeddings: alone, and beside a biased dot product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastmf.data import Ratings
from fastmf.errors import DataError
from fastmf.models.networks.census import RatingCensus
from fastmf.models.networks.hidden_parameters import DeepRatingParameters
from fastmf.models.networks.objectives import RatingObjective
from fastmf.models.networks.pair_model import PairModel
from fastmf.training import RunSettings

__all__ = ["MLP", "MLPParameters", "RatingNetworkModel", "Residual", "ResidualParameters"]


@dataclass(frozen=True)
class MLPParameters(DeepRatingParameters):
    """Hyperparameters of `MLP`; see `DeepRatingParameters`."""


@dataclass(frozen=True)
class ResidualParameters(DeepRatingParameters):
    """Hyperparameters of `Residual`; see `DeepRatingParameters`."""

    # Of so many units more must be left out, or they take the place of the dot product. Validation
    # RMSE on MovieLens-100K .907, with .5 .912.
    dropout: float = field(
        default=0.7, metadata={"help": "Part of each hidden layer left out at random in a step."}
    )
    hidden: tuple[int, ...] = field(
        default=(512, 128), metadata={"help": "Units of the hidden layers, such as 512,128."}
    )
    batch_norm: bool = field(
        default=True, metadata={"help": "Normalize hidden layers over the batch."}
    )


class RatingNetworkModel(PairModel):
    """A network over embeddings whose output is a rating."""

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        low, _ = train.rating_range
        if parameters.output == "relu" and low < 0:
            raise DataError(
                f"output relu predicts no ratings below 0, but the lowest is {low:g}; use output "
                "linear"
            )
        super()._check_fit(parameters, train, valid, run)

    def _objective(self, parameters: Any, census: RatingCensus) -> RatingObjective:
        return RatingObjective.of(census, parameters.loss, parameters.output)

    def _restored_objective(self, record: dict[str, Any]) -> RatingObjective:
        return RatingObjective(**record)


class MLP(RatingNetworkModel):
    """A rating as the output of dense layers over a user's and an item's embedding.

    The embeddings stand side by side in front of the first layer. Hidden layers are weights and
    bias, batch norm where wanted, activation, dropout; the output layer is one sum, and
    `output` says how it becomes a rating. The biased dot product of the same embeddings is added
    to that sum, unless `biased_dot` is False.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, hidden, activation,
    input_dropout, batch_norm, biased_dot, dense_regularization, loss, output
        See `fastmf.models.networks.parameters`.

    Attributes
    ----------
    user_factors_, item_factors_ : (n_users, factors), (n_items, factors) float32
        Embeddings.
    network_ : PairState
        All parameters, and what predicts.

    See `RatingModel` for further attributes and the methods.

    Examples
    --------
    >>> import fastmf
    >>> ratings = fastmf.read_ratings("ratings.csv")
    >>> model = fastmf.MLP(hidden=(128, 64)).fit(ratings, valid=0.1)
    >>> model.recommend([42], n=10).item_ids
    """

    kind: ClassVar[str] = "mlp"
    hyperparameters: ClassVar[type] = MLPParameters


class Residual(RatingNetworkModel):
    """A rating as a biased dot product + what dense layers over the same embeddings add to it.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, hidden, activation,
    input_dropout, batch_norm, biased_dot, dense_regularization, loss, output
        See `fastmf.models.networks.parameters`.

    Attributes
    ----------
    user_factors_, item_factors_ : (n_users, factors), (n_items, factors) float32
        Embeddings.
    network_ : PairState
        All parameters, and what predicts.

    See `RatingModel` for further attributes and the methods.
    """

    kind: ClassVar[str] = "residual"
    hyperparameters: ClassVar[type] = ResidualParameters

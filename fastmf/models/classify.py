"""Ratings as classes: a network whose outputs are the probabilities of the distinct ratings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.data.choices import check_choice
from fastmf.errors import DataError
from fastmf.models.networks.census import RatingCensus
from fastmf.models.networks.class_objectives import ClassObjective
from fastmf.models.networks.hidden_parameters import HiddenParameters
from fastmf.models.networks.pair_model import PairModel

__all__ = ["Classify", "ClassifyParameters"]

PredictName = Literal["mean", "mode"]

# Ratings in halves from 0 to 10 are 21; a hundred classes are no longer ratings that people give.
_MOST_CLASSES = 100


@dataclass(frozen=True)
class ClassifyParameters(HiddenParameters):
    """Hyperparameters of `Classify`; see `HiddenParameters`.

    Attributes
    ----------
    predict_as : {"mean", "mode"}
        What a prediction is: the mean of the ratings by their probabilities, or the most
        probable rating.
    """

    predict_as: PredictName = field(
        default="mean", metadata={"help": "A prediction is the mean rating or the most probable."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("predict_as", self.predict_as, get_args(PredictName))


class Classify(PairModel):
    """A rating as one of the distinct ratings there are, by a softmax over all of them.

    Dense layers over both embeddings, trained by cross-entropy. Items are recommended by the
    mean rating, whatever is predicted: most probable ratings are full of ties.

    Parameters
    ----------
    factors, epochs, batch_size, learning_rate, optimizer, momentum, schedule, warm_up,
    regularization, weight_decay, clip_norm, dropout, initial, random_state, hidden, activation,
    input_dropout, batch_norm, biased_dot, dense_regularization, predict_as
        See `fastmf.models.networks.parameters` and `ClassifyParameters`.

    Attributes
    ----------
    levels_ : (n_levels,) float32
        The distinct ratings, ascending.
    user_factors_, item_factors_ : (n_users, factors), (n_items, factors) float32
        Embeddings.

    See `RatingModel` for further attributes and the methods.
    """

    kind: ClassVar[str] = "classify"
    hyperparameters: ClassVar[type] = ClassifyParameters

    @property
    def levels_(self) -> NDArray[np.float32]:
        """The distinct ratings, ascending."""
        self._check_fitted()
        return np.asarray(self._classes.levels, np.float32)

    @property
    def _classes(self) -> ClassObjective:
        objective = self.network_.objective
        assert isinstance(objective, ClassObjective)
        return objective

    def _objective(self, parameters: Any, census: RatingCensus) -> ClassObjective:
        if census.levels is None or len(census.levels) > _MOST_CLASSES:
            count = "more than 255" if census.levels is None else str(len(census.levels))
            raise DataError(
                f"model classify is for at most {_MOST_CLASSES} distinct ratings, but there are "
                f"{count}; round them, or use model mlp"
            )
        return ClassObjective(census.levels, census.spread, parameters.predict_as)

    def _restored_objective(self, record: dict[str, Any]) -> ClassObjective:
        levels = tuple(float(level) for level in record["levels"])
        return ClassObjective(levels, float(record["spread"]), record["predict"])

    def predict_probabilities(
        self, user_ids: ArrayLike, item_ids: ArrayLike
    ) -> NDArray[np.float32]:
        """Return the probability of each of `levels_` for each user and the item beside them.

        Parameters
        ----------
        user_ids, item_ids : array_like
            (m,) raw ids, or one id for all of the others.

        Returns
        -------
        (m, n_levels) float32

        Raises
        ------
        DataError
            If the ids differ in number, or are not flat lists.
        """
        pair = self._lookup(user_ids, item_ids)
        found: NDArray[np.float32] = self._classes.probabilities(
            self.network_.predictor.outputs(*pair)
        )
        return found

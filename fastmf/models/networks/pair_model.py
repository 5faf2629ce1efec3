"""What models share whose score is a network over a user's and an item's embedding."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.models.base import RatingModel
from fastmf.models.losses import check_rating_range
from fastmf.models.networks.census import RatingCensus, take_census
from fastmf.models.networks.estimator import NetworkEstimator
from fastmf.models.networks.features import FeatureLayer
from fastmf.models.networks.fitting import (
    embedding_tables,
    train_network,
    warm_up,
)
from fastmf.models.networks.memory import check_memory
from fastmf.models.networks.objectives import Objective
from fastmf.models.networks.pair_networks import PairNetwork
from fastmf.models.networks.pair_state import PairState
from fastmf.nn import dense_stack
from fastmf.nn.embedding_network import Lookup
from fastmf.parallel import Team
from fastmf.recommend import ItemScorer
from fastmf.training import Outcome, RunSettings

__all__ = ["PairFitted", "PairModel"]

Floats = NDArray[np.float32]


class PairFitted(NamedTuple):
    """What the training of a network over pairs returns."""

    state: PairState
    mean: float
    spread: float
    outcome: Outcome
    train_rmse: float
    prepare_seconds: float
    schedule: dict[str, Any]


class PairModel(NetworkEstimator, RatingModel):
    """A model whose score is a stack of dense layers over two embeddings.

    A model of its own says in `_objective` what its outputs are for.

    Attributes
    ----------
    user_factors_, item_factors_ : (n_users, k), (n_items, k) float32
        Embeddings. Those without training ratings have the mean of the others.
    network_ : PairState
        All parameters.

    See `RatingModel` for further attributes.
    """

    network_: PairState

    def _objective(self, parameters: Any, census: RatingCensus) -> Objective:
        """Return what the outputs are for."""
        raise NotImplementedError

    def _restored_objective(self, record: dict[str, Any]) -> Objective:
        """Return the objective of a record, or raise LookupError, TypeError or ValueError."""
        raise NotImplementedError

    def _threshold(self, parameters: Any, rating_range: tuple[float, float]) -> float:
        """Return which ratings the census is to count; without effect in most models."""
        return rating_range[0]

    def _prediction_range(self, rating_range: tuple[float, float]) -> tuple[float, float]:
        """Return what predictions are clipped to."""
        return rating_range

    def _features(
        self, parameters: Any, train: Ratings, census: RatingCensus, run: RunSettings
    ) -> list[FeatureLayer]:
        """Return what is known of users and items besides; in most models nothing."""
        return []

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        check_rating_range(train.rating_range, getattr(parameters, "output", "linear"))
        check_memory(parameters, train, valid, run)

    def _warm_up(self, parameters: Any) -> None:
        warm_up(self._made_up()._learn, self._shrunk(parameters))

    def _made_up(self) -> Self:
        """Return a model that learns made-up ratings as this one learns its own."""
        return type(self)()

    def _shrunk(self, parameters: Any) -> Any:
        """Return hyperparameters for a dozen made-up ratings of 1 and 2."""
        return replace(parameters, hidden=tuple(2 for _ in parameters.hidden))

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> PairFitted:
        began = time.perf_counter()
        census = take_census(train, team, self._threshold(parameters, train.rating_range))
        objective = self._objective(parameters, census)
        features = self._features(parameters, train, census, run)
        # Again, now that it is known how many outputs and categories there are.
        known: dict[str, Any] = {"n_outputs": objective.n_outputs, "features": features}
        check_memory(parameters, train, valid, run, **known)
        network = self._network(parameters, train, objective, features)
        limits = self._prediction_range(train.rating_range)

        def predictor() -> PairState:
            state = PairState.of(network, census, limits)
            _ = state.predictor  # made now, not by several threads at once
            return state

        trained = train_network(
            network,
            predictor,
            parameters,
            objective.spread,
            train,
            valid,
            team,
            run,
            began=began,
        )
        return PairFitted(
            predictor(),
            census.mean,
            census.spread,
            trained.outcome,
            trained.train_rmse,
            trained.prepare_seconds,
            trained.schedule,
        )

    def _network(
        self,
        parameters: Any,
        train: Ratings,
        objective: Objective,
        features: list[FeatureLayer] | None = None,
    ) -> PairNetwork:
        """Return the network at its start."""
        features = features or []
        generator, biased = np.random.default_rng(parameters.random_state), parameters.biased_dot
        users, items = embedding_tables(parameters, train, generator, biased=biased)
        lookups = (
            Lookup(users, lambda batch: batch.user_index),
            Lookup(items, lambda batch: batch.item_index),
        )
        trunk = dense_stack(
            2 * parameters.factors + sum(layer.width for layer in features),
            parameters.hidden,
            generator=generator,
            n_outputs=objective.n_outputs,
            activation=parameters.activation,
            dropout=parameters.dropout,
            input_dropout=parameters.input_dropout,
            batch_norm=bool(parameters.batch_norm),
        )
        return PairNetwork(
            lookups,
            parameters.factors,
            objective,
            trunk,
            features=features,
            biased_dot=biased,
        )

    def _take(self, fitted: Any) -> None:
        self._use(fitted.state)

    def _use(self, state: PairState) -> None:
        self.network_ = state
        self.user_factors_ = state.rows.user_factors[:-1]
        self.item_factors_ = state.rows.item_factors[:-1]

    def _saved_arrays(self) -> dict[str, NDArray[Any]]:
        return self.network_.arrays()

    def _saved_record(self) -> dict[str, Any]:
        return self.network_.record()

    def _restore(self, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> None:
        # JSON has lists alone.
        for name, value in self.get_params().items():
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        parameters = self.hyperparameters(**self.get_params())
        objective = self._restored_objective(dict(record["objective"]))
        n_rows = len(self.users_), len(self.items_)
        limits = self._prediction_range(self.rating_range_)
        state = PairState.restore(arrays, record, objective, limits, n_rows)
        if state.rows.user_factors.shape[1] != parameters.factors:
            raise ValueError("factors is not the length of the saved user_factors")
        self._use(state)

    def predict_index(self, user_index: NDArray[np.int32], item_index: NDArray[np.int32]) -> Floats:
        """Predict ratings for dense indices; see `FittedModel.predict_index`."""
        self._check_fitted()
        return self.network_.predict(user_index, item_index)

    def item_scorer(self) -> ItemScorer:
        """Return what scores all items for a few users; see `fastmf.recommend`."""
        self._check_fitted()
        _ = self.network_.predictor  # made now, not by several threads at once
        return self.network_.score_all_items

    def item_vectors(self) -> Floats:
        """Return (n_items, k) the embeddings of the items."""
        self._check_fitted()
        return self.item_factors_

    def ratings_of(self, scores: Floats) -> Floats:
        """Turn the scores of `item_scorer` into predictions; see `FittedModel.ratings_of`."""
        self._check_fitted()
        return self.network_.objective.ratings_of(scores).astype(np.float32, copy=False)

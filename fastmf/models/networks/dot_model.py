"""What dot products of embeddings share: a network in training, factors in prediction."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from fastmf.data import Ratings
from fastmf.kernels.links import Link
from fastmf.kernels.predictions import squared_and_absolute_error
from fastmf.models.alternating.row_problems import RowRules
from fastmf.models.alternating.steps import Penalty
from fastmf.models.factor_model import FactorModel, Fitted
from fastmf.models.losses import LossName, check_rating_range
from fastmf.models.networks.census import RatingCensus, take_census
from fastmf.models.networks.estimator import NetworkEstimator
from fastmf.models.networks.fitting import (
    embedding_tables,
    known_rows,
    train_network,
    warm_up,
)
from fastmf.models.networks.memory import check_memory
from fastmf.models.networks.objectives import RatingObjective
from fastmf.models.networks.pair_networks import DotNetwork, ScaledDotNetwork
from fastmf.models.rows import FactorArrays
from fastmf.nn import Sequential
from fastmf.nn.dropout import Dropout
from fastmf.nn.embedding_network import Lookup
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["DotModel", "row_rules_of"]

# The biases of a scaled dot product at the start. From zero they hardly grow: what a bias adds is
# its product with the sum of the other row, and sums of random rows are about zero.
_SCALED_START = 0.1

# What holds the rows of a person who is folded in: early epochs and dropout, which hold those in
# training, have no counterpart in a least squares problem. As in matrix factorization.
_FOLD_IN = Penalty(0.43, 0.2, 0.5)


def row_rules_of(loss: str, output: str, *, biases: bool) -> RowRules:
    """Return what one row minimizes that is folded in.

    Parameters
    ----------
    loss : {"mse", "mae", "rmse", "bce"}
    output : {"linear", "sigmoid"}
    biases : bool
        Whether a row has one of its own.

    Returns
    -------
    RowRules
    """
    of_row: LossName = "absolute" if loss == "mae" else "squared"
    if output == "sigmoid":
        of_row = "logistic" if loss == "bce" else "sigmoid"
    return RowRules(_FOLD_IN, of_row, biases=biases)


class DotModel(NetworkEstimator, FactorModel):
    """A model whose score is a dot product, trained by `fastmf.nn`.

    Hyperparameters have ``loss``, ``output`` and ``row_rules`` besides `NetworkParameters`.
    """

    scaled: ClassVar[bool] = False

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        check_rating_range(train.rating_range, parameters.output)
        check_memory(parameters, train, valid, run)

    def _warm_up(self, parameters: Any) -> None:
        warm_up(self._learn, parameters)

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> Fitted:
        began = time.perf_counter()
        census = take_census(train, team)
        objective = RatingObjective.of(census, parameters.loss, parameters.output)
        network = dot_network(parameters, train, objective, scaled=self.scaled)
        predictor = _Predictor(network, census)
        trained = train_network(
            network,
            predictor.now,
            parameters,
            objective.spread,
            train,
            valid,
            team,
            run,
            began=began,
        )
        final = predictor.now()
        return Fitted(
            final.arrays,
            census.mean,
            final.link,
            trained.outcome,
            trained.train_rmse,
            trained.prepare_seconds,
            trained.schedule,
            census.spread,
            predictor.unit,
        )


def dot_network(
    parameters: Any, train: Ratings, objective: RatingObjective, *, scaled: bool
) -> DotNetwork:
    """Return a network at its start.

    Parameters
    ----------
    parameters : NetworkParameters
        With ``row_rules``.
    train : Ratings
    objective : RatingObjective
    scaled : bool
        Whether biases are added to every factor.

    Returns
    -------
    DotNetwork
    """
    generator = np.random.default_rng(parameters.random_state)
    biased = scaled or parameters.row_rules.biases
    users, items = embedding_tables(parameters, train, generator, biased=biased)
    lookups = (
        Lookup(users, lambda batch: batch.user_index),
        Lookup(items, lambda batch: batch.item_index),
    )
    trunk = Sequential([Dropout(parameters.dropout)] if parameters.dropout else [])
    if scaled:
        users.values[:, 0] = items.values[:, -1] = _SCALED_START
    common = lookups, parameters.factors, objective, trunk
    return ScaledDotNetwork(*common) if scaled else DotNetwork(*common, biased_dot=biased)


class _FactorPredictor:
    """Factors as kernels take them.

    Parameters
    ----------
    arrays : FactorArrays
    link : Link
    """

    def __init__(self, arrays: FactorArrays, link: Link) -> None:
        self.arrays, self.link = arrays, link

    def squared_and_absolute_error(self, users: Any, items: Any, value: Any) -> tuple[float, float]:
        """Return the sums of squared and of absolute errors; see `FittedModel`."""
        squared, absolute = squared_and_absolute_error(users, items, value, *self.arrays, self.link)
        return float(squared), float(absolute)


class _Predictor:
    """Makes factors, in units of the score, of a network as it is."""

    def __init__(self, network: DotNetwork, census: RatingCensus) -> None:
        objective = network.objective
        assert isinstance(objective, RatingObjective)
        self._network, self._census, self._objective = network, census, objective
        # The score behind a sigmoid is that of the network; others are in units of the spread.
        self.unit = 1.0 if objective.output == "sigmoid" else objective.spread

    def now(self) -> _FactorPredictor:
        network, census = self._network, self._census
        counts = census.user_counts, census.item_counts
        users, items = (
            known_rows(lookup.table, of_side)
            for lookup, of_side in zip(network.lookups, counts, strict=True)
        )
        k, offset = network.factors, self._objective.offset
        user, item = users[:, -k:], items[:, :k]
        biases = [np.zeros(len(rows), np.float32) for rows in (users, items)]
        if isinstance(network, ScaledDotNetwork):
            user, item = user + users[:, :1], item + items[:, -1:]
            offset += self.unit * float(network.bias.value[0])
        elif network.biased_dot:
            biases = [np.float32(self.unit) * bias for bias in (users[:, 0], items[:, -1])]
        root = np.float32(self.unit**0.5)
        user, item = np.ascontiguousarray(user) * root, np.ascontiguousarray(item) * root
        arrays = FactorArrays(
            user[:-1], item[:-1], biases[0][:-1], biases[1][:-1], user[-1], item[-1],
            np.array([biases[0][-1], biases[1][-1]], np.float32),
        )  # fmt: skip
        return _FactorPredictor(arrays, self._link(offset))

    def _link(self, offset: float) -> Link:
        ends, limits = (self._objective.bottom, self._objective.top), self._census.rating_range
        if self._objective.output == "sigmoid":
            return Link.sigmoid(offset, ends, limits)
        return Link.identity(offset, limits)

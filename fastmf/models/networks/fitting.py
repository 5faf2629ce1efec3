"""From ratings to a trained network: tables, batches, the learner, and what it leaves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.data.shuffled_batches import ShuffledBatches
from fastmf.metrics import ErrorSums, RatingErrors, total_errors
from fastmf.models.limits import memory_beside_factors
from fastmf.models.networks.parameters import NetworkParameters
from fastmf.nn import EmbeddingNetwork, NetworkLearner, TrainingPlan
from fastmf.nn.embeddings import EmbeddingTable
from fastmf.nn.optimizers import optimizer_named
from fastmf.nn.schedules import LearningRate
from fastmf.parallel import Team
from fastmf.training import Outcome, RunSettings

__all__ = [
    "Trained",
    "check_memory",
    "embedding_tables",
    "errors_on",
    "known_rows",
    "made_up_ratings",
    "rows_of",
    "train_network",
]

Floats = NDArray[np.float32]
Index = NDArray[np.int32]

# Of all rows, beside those of any model of factors: the optimizer's sums.
_MORE_COPIES = 2

# Ratings predicted by a thread at a time.
_ROWS_AT_ONCE = 1 << 16


class Predicts(Protocol):
    """Something that tells its errors on ratings."""

    def squared_and_absolute_error(
        self, user_index: Index, item_index: Index, value: Floats
    ) -> tuple[float, float]:
        """Return the sums of squared and of absolute errors."""


class Trained(NamedTuple):
    """What training a network came to."""

    outcome: Outcome
    train_rmse: float
    prepare_seconds: float
    schedule: dict[str, Any]


def check_memory(
    parameters: NetworkParameters, train: Ratings, valid: Ratings | None, run: RunSettings
) -> None:
    """Refuse more factors than memory can hold, before anything is allocated.

    Parameters
    ----------
    parameters : NetworkParameters
    train : Ratings
    valid : Ratings or None
    run : RunSettings

    Raises
    ------
    ParameterError
    """
    n_rows = train.n_users + train.n_items
    more_rows = _MORE_COPIES * n_rows
    memory_beside_factors(parameters.factors, train, valid, run, more_rows=more_rows)


def embedding_tables(
    parameters: NetworkParameters,
    train: Ratings,
    generator: np.random.Generator,
    *,
    biased: bool,
) -> tuple[EmbeddingTable, EmbeddingTable]:
    """Draw the embeddings of users and items.

    Parameters
    ----------
    parameters : NetworkParameters
    train : Ratings
    generator : numpy.random.Generator
    biased : bool
        Whether rows have a bias, zero at the start: of users in front, of items behind.

    Returns
    -------
    tuple of EmbeddingTable
        One row for each of the vocabulary.
    """
    k = parameters.factors
    tables = []
    for name, n_rows, first in (("users", train.n_users, biased), ("items", train.n_items, 0)):
        width = k + biased
        values = np.zeros((n_rows, width), np.float32)
        inner = slice(int(first), int(first) + k)
        values[:, inner] = _drawn(parameters.initial, n_rows, k, generator)
        decays = np.zeros(width, np.bool_)
        decays[inner] = True  # biases do not, as those of layers
        l2 = float(parameters.regularization)
        tables.append(EmbeddingTable(name, values, l2=l2, decays=decays))
    return tables[0], tables[1]


def _drawn(initial: str, n_rows: int, k: int, generator: np.random.Generator) -> Floats:
    """Draw rows of embeddings; see `NetworkParameters`."""
    if initial in ("glorot", "uniform"):
        limit = np.float32(math.sqrt(6 / (n_rows + k)) if initial == "glorot" else 0.05)
        return (generator.random((n_rows, k), np.float32) * 2 - 1) * limit
    deviation = np.float32(0.05 if initial == "normal" else math.sqrt(2 / k))
    return generator.standard_normal((n_rows, k), np.float32) * deviation


def known_rows(table: EmbeddingTable, counts: NDArray[np.int64], *, zeros: bool = False) -> Floats:
    """Return the rows of a table as they predict, and one more for the unknown.

    Users and items without training ratings, and the unknown, have the mean of the others' rows.

    Parameters
    ----------
    table : EmbeddingTable
        All of its rows up to date.
    counts : (n,) int64
        Training ratings of each.
    zeros : bool, optional
        Whether they have zeros instead, where the network has learned what to make of zeros.

    Returns
    -------
    (n + 1, width) float32
    """
    rows = np.empty((table.n + 1, table.width), np.float32)
    rows[:-1] = table.values
    trained = counts > 0
    rows[-1] = 0 if zeros else rows[:-1][trained].mean(axis=0, dtype=np.float64)
    rows[:-1][~trained] = rows[-1]
    return rows


def train_network(
    network: EmbeddingNetwork,
    predictor: Callable[[], Predicts],
    parameters: NetworkParameters,
    spread: float,
    train: Ratings,
    valid: Ratings | None,
    team: Team,
    run: RunSettings,
    *,
    began: float,
) -> Trained:
    """Train a network, and measure it.

    Parameters
    ----------
    network : EmbeddingNetwork
        Modified: its best epoch's parameters are left.
    predictor : callable
        Returns what predicts as the network does now.
    parameters : NetworkParameters
    spread : float
        RMSE of a constant prediction.
    train : Ratings
    valid : Ratings or None
    team : Team
    run : RunSettings
    began : float
        When preparing began, by `time.perf_counter`.

    Returns
    -------
    Trained

    Raises
    ------
    DivergenceError
        See `fastmf.training.train`.
    """
    seed = int(parameters.random_state)
    batches = ShuffledBatches(train, parameters.batch_of(len(train)), seed)
    rate = LearningRate(parameters.learning_rate, parameters.schedule, parameters.warm_up)
    optimizer = optimizer_named(
        parameters.optimizer,
        weight_decay=parameters.decay_of(batches.n_batches),
        momentum=parameters.momentum,
    )
    plan = TrainingPlan(
        epochs=parameters.epochs,
        optimizer=optimizer,
        learning_rate=rate,
        weight_regularization=parameters.weight_penalty,
        clip_norm=parameters.clip_norm,
        seed=seed,
    )
    rows = None if valid is None else rows_of(valid, train)

    def validate() -> RatingErrors | None:
        return None if valid is None else errors_on(predictor(), valid, team, rows)

    learner = NetworkLearner(
        network,
        batches,
        plan,
        team,
        ratings_per_epoch=len(train),
        spread=spread,
        validate=validate,
    )
    prepared = time.perf_counter() - began
    outcome = learner.train(run)
    train_rmse = errors_on(predictor(), train, team).rmse
    schedule = {"batch_size": batches.batch_size, "losses": learner.losses}
    return Trained(outcome, train_rmse, prepared, schedule)


def errors_on(
    model: Predicts,
    ratings: Ratings,
    team: Team,
    rows: tuple[Index, Index] | None = None,
) -> RatingErrors:
    """Return the errors of clipped predictions on ratings.

    Parameters
    ----------
    model : object
        With `squared_and_absolute_error`.
    ratings : Ratings
    team : Team
    rows : tuple of ndarray, optional
        The model's index of each user and item of the ratings; default their own.

    Returns
    -------
    RatingErrors
    """

    def sums_of(bounds: tuple[int, int]) -> ErrorSums:
        users, items, value = ratings.chunk(*bounds)
        if rows is not None:
            users, items = rows[0][users], rows[1][items]
        squared, absolute = model.squared_and_absolute_error(users, items, value)
        ratings.release()
        return ErrorSums(squared, absolute, len(value))

    return total_errors(sums_of, ratings.ranges(_ROWS_AT_ONCE), team)


def rows_of(ratings: Ratings, trained: Ratings) -> tuple[Index, Index] | None:
    """Return the trained table's indices of another's users and items, -1 where it has none.

    Parameters
    ----------
    ratings, trained : Ratings

    Returns
    -------
    tuple of ndarray or None
        None where the tables share their vocabularies.
    """
    if ratings.users is trained.users and ratings.items is trained.items:
        return None
    return trained.users.lookup(ratings.users.ids), trained.items.lookup(ratings.items.ids)


def made_up_ratings() -> Ratings:
    """Return a dozen ratings to compile kernels on."""
    users, items = np.divmod(np.arange(12), 4)
    return Ratings.from_arrays(users, items, 1 + items % 2)

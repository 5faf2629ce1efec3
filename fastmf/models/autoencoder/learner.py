"""AutoRec in training: what the loop of `fastmf.training` drives."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmf.blas import one_blas_thread
from fastmf.data import Ratings
from fastmf.kernels.links import Link
from fastmf.metrics import RatingErrors
from fastmf.models.autoencoder.batches import RowBatches
from fastmf.models.autoencoder.factors import RowPredictions
from fastmf.models.autoencoder.lbfgs import LimitedMemorySteps
from fastmf.models.autoencoder.network import AutoRecNetwork
from fastmf.models.autoencoder.output import Output
from fastmf.models.autoencoder.ratings import InputForm, RowPairs, StandardRows, standard_rows
from fastmf.models.autoencoder.steps import AutoRecSteps
from fastmf.models.rows import FactorArrays
from fastmf.nn.learner import lower_rate
from fastmf.nn.schedules import LearningRate
from fastmf.parallel import Team
from fastmf.training import Outcome, Progress, RunSettings, SilentProgress, train

__all__ = ["AutoRecLearner", "FittedAutoRec"]

Array = NDArray[Any]


class FittedAutoRec(NamedTuple):
    """What training returns: factors to predict with, and the network that made them."""

    arrays: FactorArrays
    network: AutoRecNetwork
    mean: float
    link: Link
    outcome: Outcome
    train_rmse: float
    prepare_seconds: float
    schedule: dict[str, Any]
    spread: float
    scale: float


class AutoRecLearner:
    """AutoRec in training.

    Parameters
    ----------
    parameters : AutoRecParameters
    rated : StandardRows
        Training ratings.
    valid : RowPairs or None
    rating_range : tuple of float
        What predictions are clipped to.
    team : Team
    """

    def __init__(
        self,
        parameters: Any,
        rated: StandardRows,
        valid: RowPairs | None,
        rating_range: tuple[float, float],
        team: Team,
    ) -> None:
        self._parameters, self._rated, self._valid = parameters, rated, valid
        self._team = team
        self.output = Output.of(parameters.output, rated.scale, rating_range)
        n_ratings, n_columns = len(rated.ratings.other_index), len(rated.column_counts)
        n_rated = int(np.count_nonzero(np.diff(rated.ratings.starts)))
        mean_count = n_ratings / n_rated if parameters.normalized_input else 0.0
        presence, mean_count = float(parameters.presence), float(np.float32(mean_count))
        form = InputForm(presence, mean_count, parameters.prior_count)
        self._centres = form.centres(rated.ratings)
        self._batches = RowBatches(
            rated.ratings,
            n_columns,
            parameters.batch_of(n_ratings, n_rated),
            form,
            self._centres,
            keep=1 - parameters.input_dropout,
            random_state=parameters.random_state,
        )
        generator = np.random.default_rng(parameters.random_state)
        self.network = AutoRecNetwork(parameters, n_columns, form, generator)
        self._steps = AutoRecSteps(
            self.network,
            parameters.rule,
            self.output,
            float(parameters.regularization),
            team,
            refeeding=bool(parameters.refeeding),
            random_state=parameters.random_state,
        )
        self._take_step = self._steps.take
        if parameters.optimizer == "lbfgs":
            self._take_step = LimitedMemorySteps(self._steps).take
        self._rate = LearningRate(
            float(parameters.learning_rate), parameters.schedule, float(parameters.warm_up)
        )
        self._n_steps = parameters.epochs * self._batches.n_batches
        self._batches_taken = 0
        self._kept: list[Array] = []
        self.ratings_per_epoch = n_ratings
        self.spread = rated.scale.scale

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        parameters = self._parameters
        # Beside the default of the field.
        return lower_rate(parameters.learning_rate, type(parameters).learning_rate)

    @classmethod
    def fit(
        cls, parameters: Any, ratings: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> FittedAutoRec:
        """Sort the ratings, train on them, and return the parameters.

        Parameters
        ----------
        parameters : AutoRecParameters
        ratings : Ratings
            Training ratings.
        valid : Ratings or None
            Validation ratings, of the same table or another.
        team : Team
        run : RunSettings

        Returns
        -------
        FittedAutoRec

        Raises
        ------
        DivergenceError
            See `fastmf.training.train`.
        """
        begin = time.perf_counter()
        (run.progress or SilentProgress()).start("sorting ratings", 0, " ratings")
        base = parameters.base
        rated = standard_rows(ratings, base, team)
        pairs = None if valid is None else RowPairs.of(valid, ratings, base)
        with one_blas_thread():
            learner = cls(parameters, rated, pairs, ratings.rating_range, team)
            prepared = time.perf_counter() - begin
            outcome = train(learner, parameters.epochs, run)
            predictions = learner.predictions()
            train_rmse = predictions.training_errors(team).rmse
            arrays = predictions.all_arrays(team)
        schedule = {"batch_size": learner.batch_size, "steps": learner.n_steps}
        mean, spread = rated.scale
        return FittedAutoRec(
            arrays,
            learner.network,
            mean,
            predictions.link,
            outcome,
            train_rmse,
            prepared,
            schedule,
            spread,
            learner.output.unit,
        )

    @classmethod
    def warm_up(cls, parameters: Any, ratings: Ratings, team: Team) -> None:
        """Run once what `fit` does, whatever comes of it: no rate diverges here.

        Parameters
        ----------
        parameters : AutoRecParameters
        ratings : Ratings
            A few.
        team : Team
        """
        rated = standard_rows(ratings, parameters.base, team)
        pairs = RowPairs.of(ratings, ratings, parameters.base)
        with one_blas_thread():
            learner = cls(parameters, rated, pairs, ratings.rating_range, team)
            learner.run_epoch(0, SilentProgress())
            learner.validate()
            predictions = learner.predictions()
            predictions.training_errors(team)
            predictions.all_arrays(team)

    @property
    def batch_size(self) -> int:
        """Rows of a batch."""
        return self._batches.batch_size

    @property
    def n_steps(self) -> int:
        """Steps taken so far."""
        return self._steps.steps

    def run_epoch(self, epoch: int, progress: Progress) -> float:
        """Take a step with every batch; return the training RMSE on the way, with dropout."""
        squared_error = 0.0
        for batch in self._batches.epoch(epoch, self._team):
            rate = self._rate.at(self._batches_taken, self._n_steps)
            self._batches_taken += 1
            squared_error += self._take_step(batch, rate)
            progress.advance(len(batch.values))
        return float((squared_error / self.ratings_per_epoch) ** 0.5 * self.spread)

    def predictions(self) -> RowPredictions:
        """Return the network as it is now, ready to predict."""
        return RowPredictions(self.network, self._rated, self._centres, self.output)

    def validate(self) -> RatingErrors | None:
        """Return the errors of clipped predictions on the validation ratings."""
        if self._valid is None:
            return None
        return self.predictions().errors(self._valid, self._team)

    def keep(self) -> None:
        """Remember the parameters as they are now."""
        arrays = self._parameter_arrays()
        if not self._kept:
            self._kept = [np.empty_like(array) for array in arrays]
        for kept, array in zip(self._kept, arrays, strict=True):
            kept[...] = array

    def restore(self) -> None:
        """Return to the parameters last kept."""
        assert self._kept, "restore() without keep()"
        for kept, array in zip(self._kept, self._parameter_arrays(), strict=True):
            array[...] = kept

    def _parameter_arrays(self) -> list[Array]:
        statistics = [one.value for one in self.network.trunk.statistics]
        return [*self._steps.values, *statistics]

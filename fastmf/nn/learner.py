"""A network in training: what the loop of `fastmf.training` drives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.blas import one_blas_thread
from fastmf.errors import ParameterError
from fastmf.metrics import RatingErrors
from fastmf.nn.clipping import clipping_factor
from fastmf.nn.network import Batches, Network
from fastmf.nn.optimizers import DenseSteps, Optimizer
from fastmf.nn.pair_steps import PairSteps, StepLosses
from fastmf.nn.parameters import FlatParameters
from fastmf.nn.schedules import LearningRate
from fastmf.nn.shard_memory import ShardMemory
from fastmf.parallel import Team
from fastmf.training import Outcome, Progress, RunSettings, train

__all__ = ["NetworkLearner", "TrainingPlan", "lower_rate"]

Array = NDArray[Any]


def lower_rate(rate: float, usual: float | None = None) -> str:
    """Advise to lower a learning rate that training diverges with.

    Parameters
    ----------
    rate : float
    usual : float, optional
        A rate that training mostly converges with; advised where a tenth of `rate` is above it.

    Returns
    -------
    str
    """
    lower = rate / 10 if usual is None else min(rate / 10, usual)
    given, tried = (
        np.format_float_positional(float(f"{value:.{digits}g}"), trim="-")
        for value, digits in ((rate, 6), (lower, 1 if lower == rate / 10 else 6))
    )
    return f"lower the learning rate (it is {given}; try {tried})"


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained.

    Attributes
    ----------
    epochs : int
    optimizer : Optimizer
        Of dense parameters and of tables.
    learning_rate : LearningRate
    weight_regularization : float
        The loss has this times the sum of squares of dense weights besides (Keras's L2).
    clip_norm : float, optional
        The norm of all gradients together, rows of embeddings included, is at most this.
    seed : int
        What dropout depends on.
    usual_rate : float, optional
        What the learning rate begins with by default, which is advised where a higher one diverges.
    """

    epochs: int
    optimizer: Optimizer
    learning_rate: LearningRate
    weight_regularization: float = 0.0
    clip_norm: float | None = None
    seed: int = 0
    usual_rate: float | None = None

    def __post_init__(self) -> None:
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ParameterError(
                f"clip_norm is {self.clip_norm}, but it must be above 0; "
                "leave it out (None) not to clip"
            )
        if not self.weight_regularization >= 0:
            raise ParameterError(
                f"weight_regularization is {self.weight_regularization}, but it must be at least 0"
            )


class NetworkLearner:
    """A network in training; a `fastmf.training.Learner`.

    Parameters
    ----------
    network : Network
        Its parameters become views of one flat array.
    batches : Batches
    plan : TrainingPlan
    team : Team
    ratings_per_epoch : int
    spread : float
        RMSE of predicting the mean for every training rating, in the unit that the network records
        squared errors in.
    validate : callable, optional
        Returns the errors on the validation ratings; called after every epoch with all rows of
        the tables up to date. Default there are none.
    remedy : str, optional
        What to try when training diverges; by default names learning rate and clipping.

    Attributes
    ----------
    losses : list of float
        Mean loss of each epoch so far, without the terms of regularization.
    """

    def __init__(
        self,
        network: Network,
        batches: Batches,
        plan: TrainingPlan,
        team: Team,
        *,
        ratings_per_epoch: int,
        spread: float,
        validate: Callable[[], RatingErrors | None] | None = None,
        remedy: str | None = None,
    ) -> None:
        self._network, self._batches, self._plan, self._team = network, batches, plan, team
        self._validate, self._remedy = validate, remedy
        self._flat = FlatParameters(network.parameters)
        self._optimizer = DenseSteps(plan.optimizer, self._flat.value, self._flat.decays)
        self._shards = ShardMemory(self._flat, shared=network.is_local, seed=plan.seed)
        self._group = network.embedding_group(plan.optimizer)
        self._pair_steps = self._compiled_steps()
        self._kept: tuple[Array, list[Array]] | None = None
        self._n_steps = plan.epochs * batches.n_batches
        self._step = 0
        self.ratings_per_epoch, self.spread = ratings_per_epoch, spread
        self.losses: list[float] = []

    @property
    def remedy(self) -> str:
        """What to try when training diverges."""
        if self._remedy is not None:
            return self._remedy
        clip = " or clip the gradients (clip_norm)" if self._plan.clip_norm is None else ""
        return lower_rate(self._plan.learning_rate.start, self._plan.usual_rate) + clip

    def train(self, run: RunSettings) -> Outcome:
        """Train for the epochs of the plan, with BLAS in one thread; see `fastmf.training.train`.

        Parameters
        ----------
        run : RunSettings

        Returns
        -------
        Outcome

        Raises
        ------
        DivergenceError
            If the errors leave the finite numbers or grow far past the spread of the ratings.
        """
        rate, epochs = self._plan.learning_rate, self._plan.epochs
        # A rate that stays as it is promises no better epochs later on.
        steady = math.ceil(rate.warm_up * epochs) if rate.schedule == "constant" else None
        with one_blas_thread():
            return train(self, epochs, run, patience_after=steady)

    def run_epoch(self, epoch: int, progress: Progress) -> float:
        """Take a step with every batch; return the training RMSE on the way, with dropout."""
        sums = np.zeros(4)
        for batches in self._together(self._batches.epoch(epoch, self._team)):
            with np.errstate(all="ignore"):  # the loop tells of divergence
                found = self._take_steps(batches)
            sums += found
            progress.advance(found.n_ratings)
        self.losses.append(float(sums[0] / sums[1]))
        return float(np.sqrt(sums[2] / sums[3]))

    def step(self, batch: Any) -> float:
        """Take one step; return the loss of the batch before it, without regularization.

        Parameters
        ----------
        batch : object

        Returns
        -------
        float
        """
        with one_blas_thread():
            found = self._take_steps([batch])
        return found.loss / found.n_rows

    def validate(self) -> RatingErrors | None:
        """Return the errors on the validation ratings, or None where there are none."""
        if self._validate is None:
            return None
        self._finish_rows()
        return self._validate()

    def keep(self) -> None:
        """Remember the parameters as they are now."""
        self._finish_rows()
        if self._group is not None:
            self._group.keep()
        statistics = [one.value.copy() for one in self._network.statistics]
        self._kept = self._flat.value.copy(), statistics

    def restore(self) -> None:
        """Return to the parameters last kept."""
        assert self._kept is not None, "restore() without keep()"
        if self._group is not None:
            self._group.restore()
        value, statistics = self._kept
        self._flat.value[...] = value
        for one, kept in zip(self._network.statistics, statistics, strict=True):
            one.assign(kept)

    def _together(self, batches: Iterable[Any]) -> Iterator[list[Any]]:
        """Yield batches together that steps are taken with in one go."""
        left, number = iter(batches), 1
        while some := list(islice(left, number)):
            yield some
            if self._pair_steps is not None:
                number = self._pair_steps.steps_at_once(self._network.n_rows(some[0]))

    def _take_steps(self, batches: Sequence[Any]) -> StepLosses:
        """Take a step with each batch."""
        if self._pair_steps is None:
            (batch,) = batches
            return self._take_step(batch)
        rate, first = self._plan.learning_rate, self._step
        self._step += len(batches)
        return self._pair_steps.take(
            [self._network.indices(batch) for batch in batches],
            [batch.value for batch in batches],
            [rate.at(step, self._n_steps) for step in range(first, self._step)],
            self._team,
        )

    def _take_step(self, batch: Any) -> StepLosses:
        """Take a step, a layer at a time."""
        network, plan, team, group = self._network, self._plan, self._team, self._group
        if group is not None:
            group.begin(network.indices(batch), team)
        tapes = self._shards.tapes(network.n_rows(batch), self._step)
        factor = network.run(batch, tapes, team)
        gradient = self._shards.total(factor, team)
        if plan.weight_regularization:
            pull = np.float32(2 * plan.weight_regularization)
            gradient += pull * self._flat.decays * self._flat.value
        clip = self._clipping(gradient)
        rate = plan.learning_rate.at(self._step, self._n_steps)
        self._optimizer.step(gradient, rate)
        if group is not None:
            group.step(network.row_gradients(), rate, team, clip)
        self._step += 1
        loss, n_rows = network.loss_of(sum(tape.loss for tape in tapes)), tapes[0].n_batch
        squared_error = sum(tape.squared_error for tape in tapes)
        n_ratings = sum(tape.n_ratings for tape in tapes)
        return StepLosses(loss * n_rows, n_rows, squared_error, n_ratings)

    def _compiled_steps(self) -> PairSteps | None:
        """Return steps that are compiled from end to end, where the network and the plan allow."""
        plan = self._plan
        if plan.clip_norm is not None:
            return None
        parts = self._network, self._group, self._optimizer, self._flat
        pull = plan.weight_regularization
        return PairSteps.of(*parts, weight_regularization=pull, seed=plan.seed)

    def _clipping(self, gradient: Array) -> float:
        """Clip the gradient of dense parameters; return the factor, that of rows too."""
        limit = self._plan.clip_norm
        if limit is None:
            return 1.0
        squares = float(np.sum(np.square(gradient), dtype=np.float64))
        if self._group is not None:
            squares += self._group.squared_norm(self._network.row_gradients(), self._team)
        factor = clipping_factor(squares, limit)
        gradient *= np.float32(factor)
        return factor

    def _finish_rows(self) -> None:
        if self._group is not None:
            self._group.finish(self._team)

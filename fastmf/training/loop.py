"""The one training loop: epochs, validation, the best epoch, early stop, divergence."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from fastmf.errors import DivergenceError
from fastmf.metrics import RatingErrors
from fastmf.training.progress import Progress, SilentProgress
from fastmf.training.settings import RunSettings

__all__ = ["EpochRecord", "Learner", "Outcome", "Stopped", "train"]

Stopped = Literal["finished", "patience", "interrupted"]


class EpochRecord(NamedTuple):
    """What one epoch came to.

    `seconds` is the training time since the first epoch began, validation left out.
    `train_rmse` is measured while training, each rating just before its own step, unclipped.
    """

    epoch: int
    seconds: float
    train_rmse: float
    valid_rmse: float | None
    valid_mae: float | None


class Learner(Protocol):
    """What the loop knows of a model in training."""

    @property
    def ratings_per_epoch(self) -> int:
        """Ratings that one epoch works through, the unit of progress."""

    @property
    def spread(self) -> float:
        """RMSE of predicting the mean for every training rating."""

    @property
    def remedy(self) -> str:
        """What to try when training diverges: a phrase that names settings and values."""

    def run_epoch(self, epoch: int, progress: Progress) -> float:
        """Train epoch number `epoch`, counted from 0; return the training RMSE on the way."""

    def validate(self) -> RatingErrors | None:
        """Return the errors on the validation ratings, or None where there are none."""

    def keep(self) -> None:
        """Remember the parameters as they are now."""

    def restore(self) -> None:
        """Return to the parameters last kept."""


@dataclass(frozen=True)
class Outcome:
    """How training went.

    Attributes
    ----------
    history : list of EpochRecord
    best_epoch : int
        The epoch, counted from 1, whose parameters the model now has.
    stopped : {"finished", "patience", "interrupted"}
        Why training ended.
    """

    history: list[EpochRecord]
    best_epoch: int
    stopped: Stopped


def train(
    learner: Learner, epochs: int, run: RunSettings, *, patience_after: int | None = None
) -> Outcome:
    """Train a learner, and leave it with the parameters of its best epoch.

    The best epoch is the one of lowest validation RMSE, or the last one where there are no
    validation ratings.

    Parameters
    ----------
    learner : Learner
    epochs : int
        Epochs to run at most.
    run : RunSettings
    patience_after : int, optional
        Epochs before patience begins to count; default half of them, for learners whose steps
        become smaller by plan, so that the validation error falls until the end.

    Returns
    -------
    Outcome

    Raises
    ------
    DivergenceError
        If the training loss leaves the finite numbers or grows far past the spread of the
        ratings.
    """
    progress = run.progress or SilentProgress()
    progress.start("training", epochs * learner.ratings_per_epoch, " ratings")
    try:
        counted = epochs // 2 if patience_after is None else patience_after
        return _run_epochs(learner, epochs, run, progress, counted)
    finally:
        progress.finish()


def _run_epochs(
    learner: Learner, epochs: int, run: RunSettings, progress: Progress, patience_after: int
) -> Outcome:
    history: list[EpochRecord] = []
    best_epoch, best_rmse = 0, math.inf
    stopped: Stopped = "finished"
    seconds = 0.0
    for epoch in range(epochs):
        begin = time.perf_counter()
        train_rmse = learner.run_epoch(epoch, progress)
        seconds += time.perf_counter() - begin
        # Predicting the mean has an RMSE of one spread; an epoch at five times that is lost.
        _check_convergence(learner, epoch + 1, train_rmse, 5 * learner.spread)
        errors = learner.validate()
        if errors is not None:
            # No such limit here: validation ratings may lie far from those trained on.
            _check_convergence(learner, epoch + 1, errors.rmse, math.inf)
        record = EpochRecord(
            epoch + 1, seconds, train_rmse, *((errors.rmse, errors.mae) if errors else (None, None))
        )
        history.append(record)
        progress.note(_line(record, epochs))
        if errors is None:
            best_epoch = epoch + 1
        elif errors.rmse < best_rmse:
            best_epoch, best_rmse = epoch + 1, errors.rmse
            # The last epoch needs no copy: nothing can follow it.
            if epoch + 1 < epochs:
                learner.keep()
        if run.stop is not None and run.stop():
            stopped = "interrupted"
            break
        # With steps that shrink by plan, small or noisy tables begin with a plateau.
        waited = epoch + 1 - max(best_epoch, patience_after)
        # Where no epoch is left, all of them ran and nothing is stopped.
        if run.patience is not None and waited >= run.patience and epoch + 1 < epochs:
            stopped = "patience"
            break
    if best_epoch != len(history):
        learner.restore()
    return Outcome(history, best_epoch, stopped)


def _check_convergence(learner: Learner, epoch: int, rmse: float, limit: float) -> None:
    if math.isfinite(rmse) and rmse <= limit:
        return
    raise DivergenceError(f"training diverged in epoch {epoch} (RMSE {rmse:.4g}); {learner.remedy}")


def _line(record: EpochRecord, epochs: int) -> str:
    line = f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}  train RMSE {record.train_rmse:.4f}"
    if record.valid_rmse is not None:
        line += f"  valid RMSE {record.valid_rmse:.4f}"
    return f"{line}  {record.seconds:.1f} s"

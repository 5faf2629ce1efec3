"""What every model of ratings can do: fit, predict, recommend, save, load."""

from __future__ import annotations

import copy
import os
import time
from numbers import Real
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from fastmf import model_file
from fastmf.data import Ratings, random_split, read_ratings
from fastmf.errors import DataError, ModelFileError, ParameterError
from fastmf.models import saving
from fastmf.models.abilities import PURPOSES, missing_ability
from fastmf.models.baseline import BiasBaseline, fit_bias_baseline
from fastmf.models.estimator import Estimator
from fastmf.models.fitted import FittedModel
from fastmf.models.measuring import errors_on, given_ratings
from fastmf.models.training_source import TrainingSource, describe_training_source
from fastmf.parallel import Team
from fastmf.training import Outcome, RunSettings, SilentProgress

__all__ = ["Learned", "RatingModel"]


class Learned(Protocol):
    """What a model's own training returns to `RatingModel.fit`, and more that is its own."""

    @property
    def mean(self) -> float:
        """Mean of the training ratings."""

    @property
    def spread(self) -> float:
        """Standard deviation of the ratings, or 1 for preferences."""

    @property
    def outcome(self) -> Outcome:
        """How training went."""

    @property
    def train_rmse(self) -> float:
        """RMSE of the final, clipped predictions on the training ratings."""

    @property
    def prepare_seconds(self) -> float:
        """Time before the first epoch."""

    @property
    def schedule(self) -> dict[str, Any]:
        """What the order of the steps depended on, ready for JSON."""


class RatingModel(Estimator, FittedModel):
    """A model that predicts ratings; see `FittedModel` for what a fitted one has.

    A model of its own names its `kind` and `hyperparameters`, takes those in `__init__`, and
    says in `_learn` how parameters come from ratings; what they are it says as a child of
    `FittedModel`. All else is here and in its bases.
    """

    kind: ClassVar[str]

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        """Refuse what cannot be trained on or held in memory, before anything is allocated."""
        raise NotImplementedError

    def _warm_up(self, parameters: Any) -> None:
        """Compile the kernels of training, or load them from the cache."""
        raise NotImplementedError

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> Learned:
        """Train, with checked hyperparameters, and return the parameters."""
        raise NotImplementedError

    if not TYPE_CHECKING:  # for whom all attributes there are would be of any type

        def __getattr__(self, name: str) -> Any:
            if name in PURPOSES and not hasattr(type(self), name):
                raise missing_ability(self, name)
            return object.__getattribute__(self, name)  # raises as if this were not here

    def fit(
        self,
        train: Any,
        valid: Any = None,
        *,
        items: Any = None,
        users: Any = None,
        run: RunSettings | None = None,
    ) -> Self:
        """Learn from ratings.

        Parameters
        ----------
        train : Ratings, or whatever `read_ratings` takes
            Training ratings.
        valid : Ratings, whatever `read_ratings` takes, or float, optional
            Validation ratings, or the fraction of `train` to hold out at random. With them the
            model keeps its best epoch and stops early; without, it runs all epochs.
        items, users : optional
            For `Hybrid` alone.
        run : RunSettings, optional
            Threads, progress, early stop.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            If a hyperparameter or the fraction is outside its limits.
        DataError
            If the ratings cannot be used.
        DivergenceError
            If training diverges; the model is then as it was before.
        """
        run = RunSettings.of(run)
        for name, table in (("items", items), ("users", users)):
            if table is not None:
                raise ParameterError(f"{name} is for Hybrid, not {type(self).__name__}")
        team = Team(run.num_threads)  # its threads start with its first tasks
        parameters = self.hyperparameters(**copy.deepcopy(self.get_params()))
        begin = time.perf_counter()
        ratings = read_ratings(train)
        # Now, not after training: what was read is what the model will have learned from.
        source = describe_training_source(train, ratings)
        if isinstance(valid, Real):  # NumPy's scalars included
            ratings, valid = random_split(ratings, float(valid), parameters.random_state)
        elif valid is not None:
            valid = read_ratings(valid, trainable=False)
        self._check_fit(parameters, ratings, valid, run)
        prepare = time.perf_counter() - begin
        begin = time.perf_counter()
        progress = run.progress or SilentProgress()
        progress.start("compiling kernels, once a machine (may take half a minute)", 0, "")
        try:
            self._warm_up(parameters)
            compile_seconds = time.perf_counter() - begin
            with team:
                fitted = self._learn(parameters, ratings, valid, team, run)
                baseline = fit_bias_baseline(ratings, team)
        finally:
            progress.finish()
        self._adopt(ratings, fitted, baseline, source)
        self.fitted_parameters_ = parameters  # whatever `set_params` changes later
        self.seconds_ = {
            "prepare": prepare + fitted.prepare_seconds,
            "compile": compile_seconds,
            "train": fitted.outcome.history[-1].seconds,
        }
        return self

    def _adopt(
        self, ratings: Ratings, fitted: Learned, baseline: BiasBaseline, source: TrainingSource
    ) -> None:
        self.users_, self.items_ = ratings.users, ratings.items
        self.mean_, self.spread_ = fitted.mean, fitted.spread
        self._take(fitted)
        self.rating_range_ = ratings.rating_range
        self.baseline_ = baseline
        self.history_ = fitted.outcome.history
        self.best_epoch_ = fitted.outcome.best_epoch
        self.epochs_run_ = len(self.history_)
        self.stopped_ = fitted.outcome.stopped
        self.train_rmse_ = fitted.train_rmse
        self.valid_rmse_ = self.history_[self.best_epoch_ - 1].valid_rmse
        self.valid_mae_ = self.history_[self.best_epoch_ - 1].valid_mae
        self.n_ratings_ = len(ratings)
        self.source_, self.source_files_ = source
        self.source_options_ = {}
        self.updates_ = []
        self.schedule_ = fitted.schedule

    def score(self, ratings: Any, y: None = None) -> float:
        """Return the RMSE on ratings, negative, so that higher is better, as scikit-learn asks.

        Parameters
        ----------
        ratings : Ratings, or whatever `read_ratings` takes
            Of any table; ids are matched with the model's.
        y : None, optional
            Without effect; scikit-learn passes it.

        Returns
        -------
        float

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError
            If there are no ratings, they cannot be read, or the model predicts no ratings.
        """
        self._check_fitted()
        if getattr(self, "scores_preferences", False):
            raise DataError(
                f"a model of kind {self.kind} predicts preferences, not ratings, so it has no "
                "RMSE; fastmf.evaluate_ranking tells its NDCG"
            )
        given, rows = given_ratings(ratings, self.users_, self.items_)
        with Team() as team:
            return -errors_on(self, given, team, rows).rmse

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "users_")

    def __sklearn_tags__(self) -> SimpleNamespace:
        # What scikit-learn looks at in its own `Tags`, without importing it.
        return SimpleNamespace(
            estimator_type=None,
            requires_fit=True,
            no_validation=False,
            input_tags=SimpleNamespace(pairwise=False, allow_nan=False),
            target_tags=SimpleNamespace(required=False),
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder; see docs/FORMAT.md.

        Parameters
        ----------
        folder : path
            Made, or replaced where it holds a model. Never left half-written.

        Raises
        ------
        ModelFileError
            If it cannot be written.
        ParameterError
            If `folder` is not a path.
        """
        self._check_fitted()
        if not isinstance(folder, (str, os.PathLike)):
            raise ParameterError(f"a model is saved to the path of a folder, not to {folder!r}")
        saving.save(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Open a saved model; its arrays are memory-mapped.

        Parameters
        ----------
        folder : path

        Returns
        -------
        RatingModel

        Raises
        ------
        ModelFileError
            If the folder holds no model of this kind, or a damaged or newer one.
        """
        return cls.from_file(model_file.load_model_file(folder))

    @classmethod
    def from_file(cls, file: model_file.ModelFile) -> Self:
        """Make a fitted model of what `load_model_file` read.

        Parameters
        ----------
        file : ModelFile

        Returns
        -------
        RatingModel

        Raises
        ------
        ModelFileError
            If something is missing or of another kind.
        """
        if file.kind != cls.kind:
            raise ModelFileError(
                f"this is a model of kind {file.kind!r}, not {cls.kind!r}; "
                "fastmf.load_model opens any kind"
            )
        try:
            cls.hyperparameters(**file.hyperparameters)  # checks them
            model = cls(**file.hyperparameters)
            saving.restore(model, file)
        except (LookupError, TypeError, ValueError) as error:
            raise ModelFileError(f"the model's record does not fit its kind: {error}") from None
        return model

"""What every model of users' and items' factors can do: fit, predict, recommend, save, load."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf import model_file
from fastmf import recommend as recommending
from fastmf.data import Ratings, random_split, read_ratings
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import DataError, ModelFileError, NotFittedError, ParameterError
from fastmf.kernels.predictions import predict_pairs
from fastmf.models.baseline import BiasBaseline, fit_bias_baseline
from fastmf.models.rows import FactorArrays
from fastmf.parallel import Team
from fastmf.recommend import FactorScorer, Recommendations
from fastmf.training import EpochRecord, Outcome, RunSettings, SilentProgress

__all__ = ["FactorModel", "Fitted", "SimilarItems"]


class Fitted(NamedTuple):
    """What a model's own training returns to `FactorModel.fit`."""

    arrays: FactorArrays
    mean: float
    outcome: Outcome
    train_rmse: float
    prepare_seconds: float
    schedule: dict[str, Any]


class SimilarItems(NamedTuple):
    """Items most similar to one, best first."""

    item_ids: NDArray[Any]  # (n,) raw ids
    scores: NDArray[np.float32]  # (n,) cosine in [-1, 1]


class FactorModel:
    """A model that predicts ``mean + user_bias + item_bias + user_factors . item_factors``.

    A model of its own names its `kind` and `hyperparameters`, takes those in `__init__`, and
    says in `_learn` how parameters come from ratings. All else is here.

    Attributes
    ----------
    users_, items_ : Vocabulary
        The raw ids behind the rows of the factors.
    user_factors_, item_factors_ : (n_users, k), (n_items, k) float32
        C-contiguous; memory-mapped in a loaded model.
    user_bias_, item_bias_ : (n_users,), (n_items,) float32
    mean_ : float
        Mean of the training ratings.
    rating_range_ : tuple of float
        Lowest and highest rating, which predictions are clipped to.
    baseline_ : BiasBaseline
        Damped means of the same ratings, to compare with.
    history_ : list of EpochRecord
    best_epoch_, epochs_run_ : int
        The epoch, counted from 1, whose parameters these are; epochs that were run.
    stopped_ : {"finished", "patience", "interrupted"}
    train_rmse_ : float
        RMSE of the final, clipped predictions on the training ratings.
    valid_rmse_, valid_mae_ : float or None
        Of the best epoch, on the validation ratings.
    n_ratings_ : int
        Training ratings.
    source_ : str or None
        Path of the training ratings.
    seconds_ : dict of str to float
        Time of the phases "prepare", "compile" and "train".
    """

    kind: ClassVar[str]
    hyperparameters: ClassVar[type]

    users_: Vocabulary
    items_: Vocabulary
    user_factors_: NDArray[np.float32]
    item_factors_: NDArray[np.float32]
    user_bias_: NDArray[np.float32]
    item_bias_: NDArray[np.float32]
    mean_: float
    rating_range_: tuple[float, float]
    baseline_: BiasBaseline
    history_: list[EpochRecord]
    best_epoch_: int
    epochs_run_: int
    stopped_: Literal["finished", "patience", "interrupted"]
    train_rmse_: float
    valid_rmse_: float | None
    valid_mae_: float | None
    n_ratings_: int
    source_: str | None
    seconds_: dict[str, float]
    schedule_: dict[str, Any]

    def _check_size(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        """Refuse what memory cannot hold, before anything is compiled or allocated."""
        raise NotImplementedError

    def _warm_up(self) -> None:
        """Compile the kernels of training, or load them from the cache."""
        raise NotImplementedError

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> Fitted:
        """Train, with checked hyperparameters, and return the parameters."""
        raise NotImplementedError

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the hyperparameters, in order."""
        return [field.name for field in dataclasses.fields(cls.hyperparameters)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyperparameters as they were given.

        Parameters
        ----------
        deep : bool, optional
            Without effect; scikit-learn passes it.

        Returns
        -------
        dict of str to object
        """
        return {name: getattr(self, name) for name in self.parameter_names()}

    def set_params(self, **parameters: Any) -> Self:
        """Change hyperparameters; a fitted model keeps what it learned until it is fitted again.

        Parameters
        ----------
        **parameters : object
            New values by name; checked by `fit`.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            If there is no hyperparameter of that name.
        """
        for name, value in parameters.items():
            if name not in self.parameter_names():
                known = ", ".join(self.parameter_names())
                raise ParameterError(f"{type(self).__name__} has no {name}; it has {known}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({shown})"

    def fit(self, train: Any, valid: Any = None, *, run: RunSettings | None = None) -> Self:
        """Learn from ratings.

        Parameters
        ----------
        train : Ratings, or whatever `read_ratings` takes
            Training ratings.
        valid : Ratings, whatever `read_ratings` takes, or float, optional
            Validation ratings, or the fraction of `train` to hold out at random. With them the
            model keeps its best epoch and stops early; without, it runs all epochs.
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
        run = run or RunSettings()
        parameters = self.hyperparameters(**self.get_params())
        begin = time.perf_counter()
        ratings = read_ratings(train)
        if isinstance(valid, Real):  # NumPy's scalars included
            ratings, valid = random_split(ratings, float(valid), parameters.random_state)
        elif valid is not None:
            valid = read_ratings(valid)
        self._check_size(parameters, ratings, valid, run)
        prepare = time.perf_counter() - begin
        begin = time.perf_counter()
        (run.progress or SilentProgress()).start("compiling kernels", 0, "")
        self._warm_up()
        compile_seconds = time.perf_counter() - begin
        with Team(run.num_threads) as team:
            fitted = self._learn(parameters, ratings, valid, team, run)
            baseline = fit_bias_baseline(ratings, team)
        self._adopt(ratings, fitted, baseline)
        self.seconds_ = {
            "prepare": prepare + fitted.prepare_seconds,
            "compile": compile_seconds,
            "train": fitted.outcome.history[-1].seconds,
        }
        return self

    def _adopt(self, ratings: Ratings, fitted: Fitted, baseline: BiasBaseline) -> None:
        self.users_, self.items_ = ratings.users, ratings.items
        self.user_factors_, self.item_factors_ = fitted.arrays[:2]
        self.user_bias_, self.item_bias_ = fitted.arrays[2:]
        self.mean_ = fitted.mean
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
        self.source_ = ratings.source and str(Path(ratings.source).absolute())
        self.schedule_ = fitted.schedule

    def _check_fitted(self) -> None:
        if not hasattr(self, "user_factors_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted; call fit(ratings)")

    def predict_index(
        self, user_index: NDArray[np.int32], item_index: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Predict ratings for dense indices; see `predict`.

        Parameters
        ----------
        user_index, item_index : (m,) int32
            Rows of the factors; -1 for the unknown.

        Returns
        -------
        (m,) float32
        """
        self._check_fitted()
        out = np.empty(len(user_index), np.float32)
        constants = [np.float32(x) for x in (self.mean_, *self.rating_range_)]
        predict_pairs(user_index, item_index, *self.arrays, *constants, out)
        return out

    @property
    def arrays(self) -> FactorArrays:
        """The parameters: user factors, item factors, user bias, item bias."""
        self._check_fitted()
        return FactorArrays(
            self.user_factors_, self.item_factors_, self.user_bias_, self.item_bias_
        )

    def predict(self, user_ids: ArrayLike, item_ids: ArrayLike) -> NDArray[np.float32]:
        """Predict the rating of each user for the item beside them.

        Parameters
        ----------
        user_ids, item_ids : array_like
            (m,) raw ids, or one id for all of the others.

        Returns
        -------
        (m,) float32
            Clipped to the range of the training ratings. What the model does not know is left
            out of the sum: an unknown user with a known item is predicted the mean plus the
            item's bias. `known` tells which predictions these are.

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError
            If the ids differ in number.
        """
        return self.predict_index(*self._lookup(user_ids, item_ids))

    def known(self, user_ids: ArrayLike, item_ids: ArrayLike) -> NDArray[np.bool_]:
        """Tell which pairs of ids the model knows both of.

        Parameters
        ----------
        user_ids, item_ids : array_like
            (m,) raw ids, or one id for all of the others.

        Returns
        -------
        (m,) bool
        """
        user_index, item_index = self._lookup(user_ids, item_ids)
        return (user_index >= 0) & (item_index >= 0)

    def _lookup(
        self, user_ids: ArrayLike, item_ids: ArrayLike
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        self._check_fitted()
        users = self.users_.lookup(np.atleast_1d(np.asarray(user_ids)))
        items = self.items_.lookup(np.atleast_1d(np.asarray(item_ids)))
        if len(users) != len(items) and 1 not in (len(users), len(items)):
            raise DataError(
                f"there are {len(users)} user ids but {len(items)} item ids; "
                "give as many of each, or one for all"
            )
        m = max(len(users), len(items)) if min(len(users), len(items)) else 0
        both = (np.broadcast_to(index, m) if len(index) == 1 else index for index in (users, items))
        user_index, item_index = (np.ascontiguousarray(index[:m]) for index in both)
        return user_index, item_index

    def item_scorer(self) -> FactorScorer:
        """Return what scores all items for a few users; see `fastmf.recommend`."""
        return FactorScorer(*self.arrays, self.mean_)

    def recommend(
        self,
        user_ids: ArrayLike,
        n: int = 10,
        *,
        seen: Ratings | None = None,
        run: RunSettings | None = None,
    ) -> Recommendations:
        """Find the items with the highest predicted ratings for users.

        Parameters
        ----------
        user_ids : array_like
            (m,) raw ids, or one. A user the model does not know gets the items best liked by
            all, and is marked so.
        n : int, optional
            Items for each user.
        seen : Ratings, optional
            Ratings whose items are not recommended again to the same user, usually the
            training ratings.
        run : RunSettings, optional
            Threads and progress.

        Returns
        -------
        Recommendations
            Raw ids and scores; scores are not clipped, since that would tie the best items.
        """
        self._check_fitted()
        run = run or RunSettings()
        return recommending.recommend(
            self,
            user_ids,
            n,
            seen,
            num_threads=run.num_threads,
            progress=run.progress.advance if run.progress else None,
        )

    def similar_items(self, item_id: Any, n: int = 10) -> SimilarItems:
        """Find the items whose factors are most similar to an item's, by cosine.

        Parameters
        ----------
        item_id : object
            Raw id.
        n : int, optional
            How many.

        Returns
        -------
        SimilarItems

        Raises
        ------
        DataError
            If the model does not know the item.
        """
        self._check_fitted()
        index = self.items_.lookup([item_id])
        if index[0] < 0:
            raise DataError(f"the model does not know item {item_id!r}")
        top = recommending.similar_items(self.item_factors_, index, n)
        found = top.item_index[0] >= 0
        return SimilarItems(self.items_.take(top.item_index[0][found]), top.score[0][found])

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
        """
        self._check_fitted()
        names = ("user_factors", "item_factors", "user_bias", "item_bias")
        arrays = dict(zip(names, self.arrays, strict=True))
        arrays["baseline_user_bias"] = self.baseline_.user_bias
        arrays["baseline_item_bias"] = self.baseline_.item_bias
        model_file.save_model(
            folder,
            kind=self.kind,
            hyperparameters=self.get_params(),
            arrays=arrays,
            users=self.users_,
            items=self.items_,
            record=self._record(),
        )

    def _record(self) -> dict[str, Any]:
        return {
            "mean": self.mean_,
            "rating_range": list(self.rating_range_),
            "baseline_mean": self.baseline_.mean,
            "history": [record._asdict() for record in self.history_],
            "best_epoch": self.best_epoch_,
            "stopped": self.stopped_,
            "train_rmse": self.train_rmse_,
            "n_ratings": self.n_ratings_,
            "source": self.source_,
            "seconds": self.seconds_,
            "schedule": self.schedule_,
        }

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Open a saved model; its arrays are memory-mapped.

        Parameters
        ----------
        folder : path

        Returns
        -------
        FactorModel

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
        FactorModel

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
            model = cls(**file.hyperparameters)
            model._restore(file)
        except (LookupError, TypeError, ValueError) as error:
            raise ModelFileError(f"the model's record does not fit its kind: {error}") from None
        return model

    def _restore(self, file: model_file.ModelFile) -> None:
        arrays, record = file.arrays, file.record
        _check_shapes(arrays, len(file.users), len(file.items))
        self.users_, self.items_ = file.users, file.items
        self.user_factors_, self.item_factors_ = arrays["user_factors"], arrays["item_factors"]
        self.user_bias_, self.item_bias_ = arrays["user_bias"], arrays["item_bias"]
        self.baseline_ = BiasBaseline(
            float(record["baseline_mean"]),
            arrays["baseline_user_bias"],
            arrays["baseline_item_bias"],
        )
        self.mean_ = float(record["mean"])
        low, high = record["rating_range"]
        self.rating_range_ = (float(low), float(high))
        self.history_ = [EpochRecord(**epoch) for epoch in record["history"]]
        self.best_epoch_ = int(record["best_epoch"])
        self.epochs_run_ = len(self.history_)
        self.stopped_ = record["stopped"]
        self.train_rmse_ = float(record["train_rmse"])
        self.valid_rmse_ = self.history_[self.best_epoch_ - 1].valid_rmse
        self.valid_mae_ = self.history_[self.best_epoch_ - 1].valid_mae
        self.n_ratings_ = int(record["n_ratings"])
        self.source_ = record["source"]
        self.seconds_ = dict(record["seconds"])
        self.schedule_ = dict(record["schedule"])


def _check_shapes(arrays: Mapping[str, NDArray[Any]], n_users: int, n_items: int) -> None:
    """Refuse arrays of another size than the vocabularies: kernels do not check bounds."""
    k = arrays["user_factors"].shape[-1]
    shapes = {
        "user_factors": (n_users, k),
        "item_factors": (n_items, k),
        "user_bias": (n_users,),
        "item_bias": (n_items,),
        "baseline_user_bias": (n_users,),
        "baseline_item_bias": (n_items,),
    }
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float32:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}")

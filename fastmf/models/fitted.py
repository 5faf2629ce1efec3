"""What every fitted model of ratings can do: predict, recommend, find similar items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf import recommend as recommending
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import DataError, NotFittedError
from fastmf.models.baseline import BiasBaseline
from fastmf.models.training_source import SourceFile, Update
from fastmf.recommend import ItemScorer, Recommendations
from fastmf.recommend.asked_ids import asked_ids
from fastmf.training import EpochRecord, RunSettings

__all__ = ["FittedModel", "SimilarItems"]


class SimilarItems(NamedTuple):
    """Items most similar to one, best first."""

    item_ids: NDArray[Any]  # (n,) raw ids
    scores: NDArray[np.float32]  # (n,) cosine in [-1, 1]


class FittedModel:
    """A fitted model of ratings, whatever its parameters are.

    A child says in `predict_index`, `item_scorer` and `item_vectors` how its parameters become
    predictions, and in `_take`, `_saved_arrays`, `_saved_record` and `_restore` how they come from
    training, go into a model file and come back. All else follows.

    Attributes
    ----------
    users_, items_ : Vocabulary
        The raw ids behind the dense indices.
    mean_ : float
        Mean of the training ratings.
    spread_ : float
        Standard deviation of the training ratings; 0 where an old file has none.
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
    source_files_ : list of SourceFile or None
        Path, size, time of change and fingerprint of each of its files at the time of training.
    source_options_ : dict of str to (str or None)
        Arguments of `read_ratings` that the source was read with, where they are known; set them
        before `save` where the columns of a file had to be named.
    updates_ : list of Update
        Ratings that `partial_fit` took in, and where they were.
    fitted_parameters_ : object
        The hyperparameters that it was fitted with, a frozen dataclass.
    seconds_ : dict of str to float
        Time of the phases "prepare", "compile" and "train".
    schedule_ : dict of str to object
        What the order of the training's steps depended on.
    """

    users_: Vocabulary
    items_: Vocabulary
    mean_: float
    spread_: float
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
    source_files_: list[SourceFile] | None
    source_options_: dict[str, str | None]
    updates_: list[Update]
    fitted_parameters_: Any
    seconds_: dict[str, float]
    schedule_: dict[str, Any]

    def _check_fitted(self) -> None:
        if not hasattr(self, "users_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted; call fit(ratings)")

    def _take(self, fitted: Any) -> None:
        """Take over, as fitted attributes, the parameters that `_learn` returned."""
        raise NotImplementedError

    def _saved_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the parameters as arrays by name, for a model file."""
        raise NotImplementedError

    def _saved_record(self) -> dict[str, Any]:
        """Return what else of the parameters a model file must tell, ready for JSON."""
        raise NotImplementedError

    def _restore(self, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> None:
        """Take parameters over from a model file; all else is there already.

        Raises LookupError, TypeError or ValueError where something is missing or does not fit
        the vocabularies and hyperparameters.
        """
        raise NotImplementedError

    def predict_index(
        self, user_index: NDArray[np.int32], item_index: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Predict ratings for dense indices; see `predict`. Called from several threads at once.

        Parameters
        ----------
        user_index, item_index : (m,) int32
            Dense indices; -1 for the unknown.

        Returns
        -------
        (m,) float32
        """
        raise NotImplementedError

    def item_scorer(self) -> ItemScorer:
        """Return what scores all items for a few users; see `fastmf.recommend`."""
        raise NotImplementedError

    def item_vectors(self) -> NDArray[np.float32]:
        """Return (n_items, k) what similar items are similar in."""
        raise NotImplementedError

    def ratings_of(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn the scores of `item_scorer` into ratings, not clipped; NaN stays NaN.

        Parameters
        ----------
        scores : float32
            Of any shape.

        Returns
        -------
        float32
            The scores themselves, unless a child says otherwise.
        """
        return scores

    def squared_and_absolute_error(
        self,
        user_index: NDArray[np.int32],
        item_index: NDArray[np.int32],
        value: NDArray[np.float32],
    ) -> tuple[float, float]:
        """Return the sums of squared and of absolute errors on ratings by dense indices.

        Parameters
        ----------
        user_index, item_index : (m,) int32
            Dense indices; -1 for the unknown.
        value : (m,) float32

        Returns
        -------
        (float, float)
            Sums in float64.
        """
        error = self.predict_index(user_index, item_index).astype(np.float64) - value
        return float(error @ error), float(np.abs(error).sum())

    def predict(self, user_ids: ArrayLike, item_ids: ArrayLike) -> NDArray[np.float32]:
        """Predict the rating of each user for the item beside them.

        Parameters
        ----------
        user_ids, item_ids : array_like
            (m,) raw ids, or one id for all of the others.

        Returns
        -------
        (m,) float32
            Clipped to the range of the training ratings. The unknown have the row that stands
            for them: in models of factors mostly zeros, which leave the mean plus the bias of
            the known.

        Raises
        ------
        DataError
            If the ids differ in number, or are not flat lists.
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

        Raises
        ------
        DataError
            If the ids differ in number, or are not flat lists.
        """
        user_index, item_index = self._lookup(user_ids, item_ids)
        return (user_index >= 0) & (item_index >= 0)

    def _lookup(
        self, user_ids: ArrayLike, item_ids: ArrayLike
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        self._check_fitted()
        users = self.users_.lookup(_ids(user_ids, "user"))
        items = self.items_.lookup(_ids(item_ids, "item"))
        if len(users) != len(items) and 1 not in (len(users), len(items)):
            raise DataError(
                f"there are {len(users)} user ids but {len(items)} item ids; "
                "give as many of each, or one for all"
            )
        m = max(len(users), len(items)) if min(len(users), len(items)) else 0
        both = (np.broadcast_to(index, m) if len(index) == 1 else index for index in (users, items))
        user_index, item_index = (np.ascontiguousarray(index[:m]) for index in both)
        return user_index, item_index

    def recommend(
        self,
        user_ids: ArrayLike,
        n: int = 10,
        *,
        seen: Any = None,
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
        seen : Ratings, or whatever `read_ratings` takes, optional
            Ratings whose items are not recommended again to the same user, usually the
            training ratings.
        run : RunSettings, optional
            Threads and progress.

        Returns
        -------
        Recommendations
            Raw ids and scores, which are predicted ratings, but not clipped, since that would
            tie the best items. Where fewer than `n` items are left for a user, the row ends
            with ids of -1 (None where ids are text) and scores of NaN.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            If `n` is no whole number of at least 1.
        DataError
            If the ids are not a flat list, or `seen` cannot be read.
        """
        self._check_fitted()
        run = RunSettings.of(run)
        _ids(user_ids, "user")  # refuses; the result tells them as they were given
        return recommending.recommend(
            self,
            user_ids,
            n,
            seen,
            num_threads=run.num_threads,
            progress=run.progress.advance if run.progress else None,
        )

    def similar_items(self, item_id: Any, n: int = 10) -> SimilarItems:
        """Find the items whose vectors are most similar to an item's, by cosine.

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
        asked = _ids(item_id, "item")
        if len(asked) != 1:
            raise DataError(f"similar_items takes one item id, not {len(asked)}")
        index = self.items_.lookup(asked)
        if index[0] < 0:
            raise DataError(f"the model does not know item {item_id!r}")
        top = recommending.similar_items(self.item_vectors(), index, n)
        found = top.item_index[0] >= 0
        return SimilarItems(self.items_.take(top.item_index[0][found]), top.score[0][found])


def _ids(ids: Any, role: str) -> NDArray[Any]:
    """Return ids as `asked_ids` does; refuse those of a kind that names nothing."""
    array = asked_ids(ids, role)
    if array.dtype.kind in "cV":
        raise DataError(f"{role} ids are of type {array.dtype}; give whole numbers or text")
    return array

"""What a fitted model does with ratings that come after its training."""

from __future__ import annotations

from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastmf.models.fitted_factors import FittedFactors
from fastmf.models.folding.explanation import Explanation, explain
from fastmf.models.folding.fold_in import FoldedItems, FoldedUsers, FoldsInUsers, fold_in
from fastmf.models.folding.new_ratings import read_new_ratings
from fastmf.models.folding.partial_fit import Updated, check_updated, take_in
from fastmf.models.folding.uncertainty import standard_deviations
from fastmf.models.training_source import describe_training_source
from fastmf.training import RunSettings

__all__ = ["GrowingFactors"]


class GrowingFactors(FittedFactors, FoldsInUsers):
    """Folding in, growing, explaining, and how sure predictions are."""

    def fit(self, train: Any, valid: Any = None, *, run: RunSettings | None = None) -> Self:
        """Learn from ratings; see `RatingModel.fit`."""
        raise NotImplementedError

    @overload
    def predict(
        self,
        user_ids: ArrayLike,
        item_ids: ArrayLike,
        *,
        return_std: Literal[False] = ...,
        seen: Any = ...,
        run: RunSettings | None = ...,
    ) -> NDArray[np.float32]: ...

    @overload
    def predict(
        self,
        user_ids: ArrayLike,
        item_ids: ArrayLike,
        *,
        return_std: Literal[True],
        seen: Any = ...,
        run: RunSettings | None = ...,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...

    def predict(
        self,
        user_ids: ArrayLike,
        item_ids: ArrayLike,
        *,
        return_std: bool = False,
        seen: Any = None,
        run: RunSettings | None = None,
    ) -> NDArray[np.float32] | tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Predict the rating of each user for the item beside them.

        Parameters
        ----------
        user_ids, item_ids : array_like
            (m,) raw ids, or one id for all of the others.
        return_std : bool, optional
            Whether to return a standard deviation of each prediction as well.
        seen : Ratings, or whatever `read_ratings` takes, optional
            The training ratings, which standard deviations are made of; default those where the
            model was trained from, as long as they are what they were.
        run : RunSettings, optional
            Threads, for standard deviations.

        Returns
        -------
        (m,) float32
            Clipped to the range of the training ratings. What the model does not know is left
            out of the sum: an unknown user with a known item is predicted the mean plus the
            item's bias. (Without biases, or with non-negative factors, it has the mean row of
            the known instead.) `known` tells which predictions these are.
        (m,) float32
            With `return_std`, how far ratings are expected from predictions; see
            `fastmf.models.folding.uncertainty`. Greater for users and items of few ratings.

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError
            If the ids differ in number, or are not flat lists; or with `return_std`, if the
            training ratings are needed and not to be had.
        ParameterError
            With `return_std`, if the model's loss is not the squared error of ratings.
        """
        pair = self._lookup(user_ids, item_ids)
        predictions = self.predict_index(*pair)
        return (predictions, self.std_index(*pair, seen, run=run)) if return_std else predictions

    def std_index(
        self,
        user_index: NDArray[np.int32],
        item_index: NDArray[np.int32],
        seen: Any = None,
        *,
        run: RunSettings | None = None,
    ) -> NDArray[np.float32]:
        """Return standard deviations of predictions for dense indices; see `predict`.

        Parameters
        ----------
        user_index, item_index : (m,) int32
            Rows of the factors; -1 for the unknown.
        seen : Ratings, or whatever `read_ratings` takes, optional
            The training ratings.
        run : RunSettings, optional
            Threads.

        Returns
        -------
        (m,) float32
        """
        return standard_deviations(self, user_index, item_index, seen, RunSettings.of(run))

    def fold_in_users(self, ratings: Any, *, run: RunSettings | None = None) -> FoldedUsers:
        """Find the rows of users from ratings, for the items as they are.

        Each user's factors and bias are the exact minimum of what training minimizes, over the
        given ratings alone: also for a user that the model knows. The model stays as it is.
        With a loss other than the squared error, or non-negative factors, the minimum is found
        by iteration.

        Parameters
        ----------
        ratings : Ratings, or whatever `read_ratings` takes
            Ratings of any users. Those of items that the model does not know are left out,
            counted and said in the result's `notes_`. A pair (items, values) or a mapping from
            items to values are ratings of one person, whose id is 0.
        run : RunSettings, optional
            Threads; the result does not depend on them.

        Returns
        -------
        FoldedUsers

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError
            If the ratings cannot be read, or lie far outside the range of the model's.
        ModelFileError
            If the model was saved by a version that did not record what this needs.
        """
        self._check_fitted()
        given = read_new_ratings(self, ratings, one_person=True)
        users: FoldedUsers = fold_in(self, given, "user", RunSettings.of(run))
        return users

    def fold_in_items(self, ratings: Any, *, run: RunSettings | None = None) -> FoldedItems:
        """Find the rows of items from ratings, for the users as they are; see `fold_in_users`.

        Parameters
        ----------
        ratings : Ratings, or whatever `read_ratings` takes
            Ratings of any items. Those by users that the model does not know are left out,
            counted and said in the result's `notes_`.
        run : RunSettings, optional
            Threads; the result does not depend on them.

        Returns
        -------
        FoldedItems

        Raises
        ------
        NotFittedError, DataError, ModelFileError
            As `fold_in_users`.
        """
        self._check_fitted()
        given = read_new_ratings(self, ratings)
        items: FoldedItems = fold_in(self, given, "item", RunSettings.of(run))
        return items

    def partial_fit(
        self,
        ratings: Any,
        *,
        update: Updated = "users",
        rounds: int = 5,
        run: RunSettings | None = None,
    ) -> Self:
        """Take ratings in: new users and items, and more ratings of known ones.

        New users and items are appended, solved for the rows of the other side. A known one
        that is updated moves from its row ``x`` to the minimum over ``d`` of

            sum over its new ratings(loss(r, prediction with x + d))
                + d' (n G + ridge(n)) d + what regularizing n + m ratings adds,

        where ``n`` is the number of ratings it was learned from, ``m`` that of the new ones, and
        ``G`` the mean of ``a a'`` over all ratings of before, with ``a`` the other side's row of
        each and a one for the bias. The second term is what its old ratings have to say against
        a change, with the average of their products in place of their own, which are not at
        hand. New users and new items are solved in turn, then known users, then known items.

        Rows of users and items that are not in the ratings, or not updated, keep their bits, and
        so do all recommendations that only rows like these take part in. The mean, the units
        and the range that predictions are clipped to stay as they are, as do the figures of the
        training.

        Parameters
        ----------
        ratings : Ratings, or whatever `read_ratings` takes
            Every one counts as new, also of a pair that the model was trained on.
        update : {"users", "items", "both", "none"}, optional
            Which of the users and items that the model knows are updated where they have new
            ratings. An item that moves changes its score for every user.
        rounds : int, optional
            How often new users and new items are solved, each for the other.
        run : RunSettings, optional
            Threads; the result does not depend on them.

        Returns
        -------
        self
            Before `fit`, fitted to the ratings.

        Raises
        ------
        DataError
            If the ratings cannot be read, lie far outside the range of the model's, or have ids
            that are text where the model's are integers; the model is then as it was before.
        ParameterError
            If `update` or `rounds` has another value.
        ModelFileError
            If the model was saved by a version that did not record what this needs.
        """
        check_updated(update, rounds)
        if not hasattr(self, "user_factors_"):
            return self.fit(ratings, run=run)
        given = read_new_ratings(self, ratings)
        source = describe_training_source(ratings, given)
        take_in(self, given, source, update, rounds, RunSettings.of(run))
        return self

    def explain(self, user_id: Any, item_id: Any, n: int = 10, *, seen: Any = None) -> Explanation:
        """Tell which of a user's ratings a prediction comes from.

        Parameters
        ----------
        user_id, item_id : object
            Raw ids. A user that the model does not know is folded in from `seen`.
        n : int, optional
            How many ratings, those that count most first.
        seen : Ratings, or whatever `fold_in_users` takes, optional
            The user's ratings, and any others; default those that the model was trained from, as
            long as they are what they were.

        Returns
        -------
        Explanation

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError
            If the model does not know the item, the user has no ratings of known items, or the
            training ratings are needed and not to be had.
        ParameterError
            If `n` is no whole number of at least 1.
        """
        self._check_fitted()
        return explain(self, user_id, item_id, n, seen)

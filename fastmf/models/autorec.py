"""AutoRec: an autoencoder of users' or items' ratings, trained on the rated cells alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings, Vocabulary
from fastmf.data.arrays import Columns
from fastmf.data.arrow_views import as_arrow
from fastmf.models.autoencoder.fold_in import encode
from fastmf.models.autoencoder.learner import AutoRecLearner, FittedAutoRec
from fastmf.models.autoencoder.memory import check_memory
from fastmf.models.autoencoder.parameters import AutoRecParameters
from fastmf.models.base import RatingModel
from fastmf.models.fitted_factors import FittedFactors
from fastmf.models.folding.fold_in import FoldedItems, FoldedUsers, FoldsInUsers
from fastmf.models.folding.new_ratings import read_new_ratings
from fastmf.models.losses import check_rating_range
from fastmf.models.networks.estimator import NetworkEstimator
from fastmf.parallel import Team
from fastmf.training import RunSettings

__all__ = ["AutoRec"]

# Of the network's arrays in a model file.
_PREFIX = "network."


class AutoRec(NetworkEstimator, RatingModel, FittedFactors, FoldsInUsers):
    """Ratings as the output of an autoencoder of an item's, or a user's, ratings.

    The model of Sedhain, Menon, Sanner and Xie (2015), "AutoRec: autoencoders meet collaborative
    filtering". With the ratings of one item, centred, as input,

        rating by user u = mean + centre + output bias of u + output weights of u . codes
        codes = f(... f(bias + sum over users who rated it(rating * input weights of the user)))

    trained on the squared error of the rated cells alone; the centre is about the item's mean. The
    sum runs over the ratings there are, and the output is made where there is a rating, so that
    time and memory grow with the ratings, not with users times items. The codes are the item's
    factors: this is a model of factors whose items (or users) are encoded from their ratings, and
    new ones can be.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers: the first sums up the ratings, the last is the length of a
        user's or item's vector.
    base : {"item", "user"}
        Whose ratings are encoded. "item" is the more accurate on dense data, "user" can take in
        new users.
    epochs : int
        Passes over the ratings at most.
    batch_size : int, optional
        Items (or users, by `base`) of a step. Default as many as have an eighth of the ratings,
        but between 4,096 and 1,048,576 of these on average, and 8,192 items (or users) at most.
    learning_rate : float
        What the schedule begins with.
    schedule : {"constant", "linear", "cosine", "step"}
        The learning rate's course over the epochs: constant; falling to 0 linearly, or as half a
        cosine; or a tenth after each third of the epochs.
    warm_up : float
        Part of all steps in which the rate first rises from 0.
    optimizer : {"adam", "sgd", "rprop", "lbfgs"}
        Of the dense layers, and of the input and output weights of the users (or items) that
        have a rating in the batch; those of others stay as they are, whatever their momentum, and
        count no step. "rprop" (Riedmiller and Braun 1993, without going back), whose first step is
        as long as the rate, and "lbfgs" (Nocedal 1980), which has no rate, take one step an epoch,
        with all ratings: give them some hundred epochs. The latter needs a loss that stays the
        same, without dropout.
    momentum : float
        Of "sgd".
    regularization : float
        The loss, a row's sum of squared errors averaged over the batch, has this times half the
        squares of the weights besides. Ratings are divided by their spread.
    weight_decay : float
        Decoupled from the loss: each step shrinks weights by this times the rate.
    presence : float
        What each rating adds to the input besides its centred value, in spreads of the ratings. A
        missing rating is 0 in the input: with a presence above 0 the network sees which ratings
        there are. Mean over spread gives the ratings as they are, 0 the centred values alone.
    centred_rows : bool
        Whether ratings are taken less the centre of their item (or user, by `base`): the mean of
        its ratings, and of three that are the mean of all. The network is left with what is not
        explained by that.
    normalized_input : bool
        Whether a row's input is multiplied by the root of (mean number of ratings / its own), so
        that sums over many ratings and over few are alike in size.
    activation : {"sigmoid", "selu", "relu", "tanh", "linear"}
        Of all hidden layers.
    output : {"linear", "sigmoid"}
        How the sum of output weights and biases becomes a rating: as it is, or through a sigmoid
        over the range of the ratings (0 to 1 for ratings within).
    dropout : float
        Part of the units of each hidden layer that is left out at random in a step.
    input_dropout : float
        Part of the ratings that the input lacks in a step; the output is trained on all.
    batch_norm : bool
        Whether hidden layers are normalized over the batch, before their activation.
    tied : bool
        Whether a user's (or item's) output weights are its input weights.
    refeeding : bool
        Whether each step is followed by one with the network's own output for all columns as a
        row of ratings (Kuchaiev and Ginsburg 2017). Takes time and memory in proportion to
        `batch_size` times the users (or items): keep batches to a few hundred.
    random_state : int
        Seed of all randomness.

    Attributes
    ----------
    user_factors_, item_factors_ : (n_users, k), (n_items, k) float32
        Codes of one side, output weights of the other.
    user_bias_, item_bias_ : (n_users,), (n_items,) float32
        The output bias of one side, the centres of the other.
    network_arrays_ : dict of str to ndarray
        What encodes ratings: input weights of the other side, parameters of the hidden layers.

    See `RatingModel` for further attributes and the methods.

    Examples
    --------
    >>> import fastmf
    >>> ratings = fastmf.read_ratings("ratings.csv")
    >>> model = AutoRec().fit(ratings, valid=0.1)
    >>> model.recommend([42], n=10).item_ids
    """

    kind: ClassVar[str] = "autorec"
    hyperparameters: ClassVar[type] = AutoRecParameters

    hidden: Sequence[int]
    network_arrays_: dict[str, NDArray[Any]]

    def _check_fit(
        self, parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings
    ) -> None:
        check_rating_range(train.rating_range, parameters.output)
        check_memory(parameters, train, valid, run)

    def _warm_up(self, parameters: Any) -> None:
        users, items = np.divmod(np.arange(12, dtype=np.int32), 4)
        columns = Columns(users, items, (items % 2).astype(np.float32), None)
        user_ids, item_ids = (Vocabulary(as_arrow(np.arange(n))) for n in (3, 4))
        ratings = Ratings(columns, user_ids, item_ids, (0.0, 1.0))
        small = replace(parameters, hidden=(2,) * len(parameters.layers), epochs=1, warm_up=0.0)
        with Team(1) as team:
            AutoRecLearner.warm_up(small, ratings, team)

    def _learn(
        self, parameters: Any, train: Ratings, valid: Ratings | None, team: Team, run: RunSettings
    ) -> FittedAutoRec:
        return AutoRecLearner.fit(parameters, train, valid, team, run)

    def _take(self, fitted: Any) -> None:
        super()._take(fitted)
        self.network_arrays_ = fitted.network.arrays()

    def _saved_arrays(self) -> dict[str, NDArray[Any]]:
        own = {f"{_PREFIX}{name}": array for name, array in self.network_arrays_.items()}
        return {**super()._saved_arrays(), **own}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> None:
        super()._restore(arrays, record)
        self.network_arrays_ = {
            name.removeprefix(_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(_PREFIX)
        }
        self.hidden = tuple(self.hidden)  # a list in the file
        parameters = AutoRecParameters(**self.get_params())
        if parameters.layers[-1] != self.user_factors_.shape[1]:
            raise ValueError("hidden does not end with the length of the saved user_factors")

    def fold_in_users(self, ratings: Any, *, run: RunSettings | None = None) -> FoldedUsers:
        """Encode users from ratings; the model stays as it is. For `base` "user".

        Parameters
        ----------
        ratings : Ratings, or whatever `read_ratings` takes
            Ratings of any users. Those of items that the model does not know are left out,
            counted and said in the result's `notes_`. A pair (items, values) or a mapping from
            items to values are ratings of one person, whose id is 0.
        run : RunSettings, optional
            Without effect: a forward pass is short.

        Returns
        -------
        FoldedUsers

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            If the model encodes items.
        DataError
            If the ratings cannot be read, or lie far outside the range of the model's.
        """
        self._check_fitted()
        given = read_new_ratings(self, ratings, one_person=True)
        users: FoldedUsers = encode(self, given, "user")
        return users

    def fold_in_items(self, ratings: Any, *, run: RunSettings | None = None) -> FoldedItems:
        """Encode items from ratings; the model stays as it is. For `base` "item".

        Parameters
        ----------
        ratings : Ratings, or whatever `read_ratings` takes
            Ratings of any items. Those by users that the model does not know are left out,
            counted and said in the result's `notes_`.
        run : RunSettings, optional
            Without effect: a forward pass is short.

        Returns
        -------
        FoldedItems

        Raises
        ------
        NotFittedError, ParameterError, DataError
            As `fold_in_users`, of a model that encodes users.
        """
        self._check_fitted()
        items: FoldedItems = encode(self, read_new_ratings(self, ratings), "item")
        return items

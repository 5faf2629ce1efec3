"""New users or items for AutoRec: a forward pass over their ratings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings
from fastmf.data.arrays import frozen
from fastmf.errors import ModelFileError, ParameterError
from fastmf.kernels.normal_equations import RatedRows
from fastmf.models.autorec_network import AutoRecNetwork
from fastmf.models.autorec_ratings import InputForm
from fastmf.models.fold_in import FoldedItems, FoldedUsers
from fastmf.models.new_ratings import MatchedRatings, Side, match
from fastmf.nn.blas import one_blas_thread

__all__ = ["encode_items", "encode_users"]

Floats = NDArray[np.float32]


def encode_users(model: Any, ratings: Ratings) -> FoldedUsers:
    """Encode users by their ratings.

    Parameters
    ----------
    model : AutoRec
        Fitted.
    ratings : Ratings

    Returns
    -------
    FoldedUsers

    Raises
    ------
    ParameterError
        If the model encodes items.
    """
    matched, codes = _encoded(model, ratings, "user")
    users = FoldedUsers(model, ratings, matched.notes("user"))
    users.users_, users.user_factors_ = matched.own, codes
    users.user_bias_ = np.zeros(len(codes), np.float32)
    users.n_known_ratings_ = matched.rated.counts
    users.n_unknown_items_, users.n_ratings_left_out_ = matched.n_unknown, matched.n_left_out
    return users


def encode_items(model: Any, ratings: Ratings) -> FoldedItems:
    """Encode items by their ratings.

    Parameters
    ----------
    model : AutoRec
        Fitted.
    ratings : Ratings

    Returns
    -------
    FoldedItems

    Raises
    ------
    ParameterError
        If the model encodes users.
    """
    matched, codes = _encoded(model, ratings, "item")
    items = FoldedItems(model, ratings, matched.notes("item"))
    items.items_, items.item_factors_ = matched.own, codes
    items.item_bias_ = np.zeros(len(codes), np.float32)
    items.n_known_ratings_ = matched.rated.counts
    items.n_unknown_users_, items.n_ratings_left_out_ = matched.n_unknown, matched.n_left_out
    return items


def _encoded(model: Any, ratings: Ratings, side: Side) -> tuple[MatchedRatings, Floats]:
    """Return the ratings that count, and the codes of all rows; one without has that of none."""
    if model.base != side:
        raise ParameterError(
            f"this model encodes {model.base}s and cannot take in new {side}s; train with base "
            f"{side!r} for that"
        )
    matched = match(model, ratings, side)
    values = (matched.rated.values.astype(np.float64) - model.mean_) / model.spread_
    network = network_of(model)
    inputs = network.form.inputs(values.astype(np.float32), matched.rated.counts)
    columns = matched.other_rows[matched.rated.others]
    no_codes, no_levels = np.empty(0, np.uint8), np.zeros(256, np.float32)
    arrays = matched.rated.starts, columns, no_codes, inputs, no_levels
    rated = RatedRows(*(frozen(array) for array in arrays))
    with one_blas_thread():
        return matched, network.encode(rated, inputs, 0, len(matched.own))


def network_of(model: Any) -> AutoRecNetwork:
    """Return the network of a fitted model, made once of its arrays.

    Raises
    ------
    ModelFileError
        If the arrays do not fit the hyperparameters.
    """
    arrays = model.network_arrays_
    kept = model.__dict__.get("_network")
    if kept is None or kept[0] is not arrays:
        n_columns = len(model.users_ if model.base == "item" else model.items_)
        parameters = model.hyperparameters(**model.get_params())
        generator = np.random.default_rng(0)  # what it draws is replaced
        network = AutoRecNetwork(parameters, n_columns, InputForm(0.0, 0.0), generator)
        try:
            network.assign(arrays)
        except (LookupError, ValueError) as error:
            raise ModelFileError(f"the model's network does not fit its layers: {error}") from None
        kept = model.__dict__["_network"] = arrays, network
    made: AutoRecNetwork = kept[1]
    return made

"""New users or items for AutoRec: a forward pass over their ratings."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmf.blas import one_blas_thread
from fastmf.data import Ratings
from fastmf.data.arrays import frozen
from fastmf.errors import ModelFileError, ParameterError
from fastmf.kernels.alternating.normal_equations import RatedRows
from fastmf.models.autoencoder.network import AutoRecNetwork
from fastmf.models.autoencoder.ratings import InputForm
from fastmf.models.folding.fold_in import folded
from fastmf.models.folding.new_ratings import Side, match

__all__ = ["encode"]


def encode(model: Any, ratings: Ratings, side: Side) -> Any:
    """Encode users, or items, by their ratings.

    Parameters
    ----------
    model : AutoRec
        Fitted.
    ratings : Ratings
    side : {"user", "item"}

    Returns
    -------
    FoldedUsers or FoldedItems

    Raises
    ------
    ParameterError
        If the model encodes the other side.
    """
    if model.base != side:
        raise ParameterError(
            f"this model encodes {model.base}s and cannot take in new {side}s; train with base "
            f"{side!r} (--base {side}) for that"
        )
    matched = match(model, ratings, side)
    network = network_of(model)
    values = (matched.rated.values.astype(np.float64) - model.mean_) / model.spread_
    columns = matched.other_rows[matched.rated.others]
    no_codes, no_levels = np.empty(0, np.uint8), np.zeros(256, np.float32)
    arrays = matched.rated.starts, columns, no_codes, values.astype(np.float32), no_levels
    rated = RatedRows(*(frozen(array) for array in arrays))
    counts, centres = matched.rated.counts, network.form.centres(rated)
    inputs = network.form.inputs(rated.values - np.repeat(centres, counts), counts)
    with one_blas_thread():
        codes = network.encode(rated, inputs, 0, len(matched.own))
    return folded(model, ratings, side, matched, codes, centres * np.float32(model.scale_))


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
        parameters = model.fitted_parameters_
        generator = np.random.default_rng(0)  # what it draws is replaced
        network = AutoRecNetwork(parameters, n_columns, InputForm(0.0, 0.0), generator)
        try:
            network.assign(arrays)
        except (LookupError, ValueError) as error:
            raise ModelFileError(f"the model's network does not fit its layers: {error}") from None
        kept = model.__dict__["_network"] = arrays, network
    made: AutoRecNetwork = kept[1]
    return made

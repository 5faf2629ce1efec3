"""What AutoRec takes of memory, refused before it is allocated where there is not enough."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fastmf.data import Ratings
from fastmf.errors import DataError
from fastmf.kernels.autoencoder.weight_panels import PANEL, panels_of
from fastmf.models.autoencoder.batches import row_parts
from fastmf.models.autoencoder.lbfgs import HISTORY
from fastmf.models.autoencoder.steps import PRODUCT_PARTS
from fastmf.models.limits import memory_beside
from fastmf.training import RunSettings

__all__ = ["check_memory", "needed_memory"]

# The weights, and arrays as large that an optimizer has beside them.
_COPIES = {"adam": 3, "sgd": 2, "rprop": 3, "lbfgs": 2 * HISTORY + 9}

# Python, compiled kernels and the libraries, measured after a run on a small table.
_PROCESS_BYTES = 320 << 20

_BYTES_OF_SORTING = 13  # of a rating, by row and while it is sorted
_BYTES_IN_A_BATCH = 48  # of a rating, with its products
_BYTES_OF_A_CELL = 20  # of a row and a column that are fed again, beside two sets of products

# Of the weights between hidden layers: where they decay, and the sum of their gradients.
_MORE_COPIES = 2


def needed_memory(parameters: Any, train: Ratings, *, keep_best: bool) -> int:
    """Return about how many bytes training takes at its height.

    Parameters
    ----------
    parameters : AutoRecParameters
    train : Ratings
    keep_best : bool
        Whether a second copy of the weights is kept, of the best epoch.

    Returns
    -------
    int
    """
    n_rows, n_columns = train.n_items, train.n_users
    if parameters.base == "user":
        n_rows, n_columns = n_columns, n_rows
    layers = parameters.layers
    first, last = layers[0], layers[-1]
    panels = panels_of(first) + (0 if parameters.tied else panels_of(last))
    copies = _COPIES[parameters.optimizer] + keep_best
    weights = copies * panels * PANEL * n_columns + 2 * last * n_columns
    n_batch = parameters.batch_of(len(train), n_rows)
    weights += _dense_weights(layers, n_batch, copies)
    units = n_batch * _units_of_a_row(parameters)
    ratings = len(train) * _BYTES_OF_SORTING + len(train) * n_batch // n_rows * _BYTES_IN_A_BATCH
    if parameters.refeeding:
        parts = 2 * min(PRODUCT_PARTS, panels_of(last))
        ratings += n_batch * n_columns * (4 * parts + _BYTES_OF_A_CELL)
    total: int = 4 * (weights + units + n_rows * last) + ratings
    return total


def _dense_weights(layers: Sequence[int], n_batch: int, copies: int) -> int:
    """Return the floats of weights between hidden layers, and the gradients of a batch's parts."""
    n_weights = sum((n_inputs + 1) * n_outputs for n_inputs, n_outputs in pairwise(layers))
    total: int = n_weights * (copies + _MORE_COPIES + len(row_parts(n_batch)))
    return total


def _units_of_a_row(parameters: Any) -> int:
    """Return the floats of hidden units of a row, with gradients and what is made on the way."""
    layers = parameters.layers
    if len(layers) == 1 and not parameters.batch_norm:
        return 2 * panels_of(layers[0]) * PANEL
    arrays = 2 + 2 * (parameters.dropout > 0) + bool(parameters.batch_norm)
    floats: int = 2 * layers[0] + 3 * layers[-1] + arrays * sum(layers)
    return floats


def check_memory(parameters: Any, train: Ratings, valid: Ratings | None, run: RunSettings) -> None:
    """Refuse more units than memory can hold.

    Parameters
    ----------
    parameters : AutoRecParameters
    train : Ratings
    valid : Ratings or None
    run : RunSettings

    Raises
    ------
    ParameterError
    DataError
        If there are no ratings.
    """
    if not len(train):
        raise DataError("there are no ratings to train on; hold out fewer of them")
    needed = needed_memory(parameters, train, keep_best=valid is not None)
    memory_beside(
        f"hidden is {parameters.layers}",
        needed,
        train.n_users + train.n_items,
        run.max_memory,
        lambda _: "use fewer units or a smaller batch_size",
        process_bytes=_PROCESS_BYTES,
    )

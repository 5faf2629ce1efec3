"""What AutoRec takes of memory, refused before it is allocated where there is not enough."""

from __future__ import annotations

from typing import Any

from fastmf.data import Ratings
from fastmf.errors import DataError, ParameterError
from fastmf.kernels.weight_panels import PANEL, panels_of
from fastmf.machine import available_memory
from fastmf.models.autoencoder.lbfgs import HISTORY
from fastmf.training import RunSettings

__all__ = ["check_memory", "needed_memory"]

# The weights, and arrays as large that an optimizer has beside them.
_COPIES = {"adam": 3, "sgd": 2, "rprop": 3, "lbfgs": 2 * HISTORY + 9}

# Python, compiled kernels and the libraries, measured after a run on a small table.
_PROCESS_BYTES = 320 << 20

_BYTES_OF_SORTING = 13  # of a rating, by row and while it is sorted
_BYTES_IN_A_BATCH = 48  # of a rating, with its products


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
    first, last = parameters.layers[0], parameters.layers[-1]
    panels = panels_of(first) + (0 if parameters.tied else panels_of(last))
    copies = _COPIES[parameters.optimizer] + keep_best
    weights = copies * panels * PANEL * n_columns + 2 * last * n_columns
    batch = parameters.batch_of(len(train), n_rows)
    units = batch * 4 * (2 * sum(parameters.layers) + first + last)
    ratings = len(train) * _BYTES_OF_SORTING + len(train) * batch // n_rows * _BYTES_IN_A_BATCH
    total: int = 4 * (weights + n_rows * last) + units + ratings
    return total


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
    limits = [limit for limit in (run.max_memory, available_memory()) if limit is not None]
    if not limits:
        return
    needed = needed_memory(parameters, train, keep_best=valid is not None) + _PROCESS_BYTES
    if needed <= min(limits):
        return
    raise ParameterError(
        f"hidden is {parameters.layers}, which takes about {needed / 2**30:.2f} GiB for "
        f"{train.n_users:,} users and {train.n_items:,} items in all, but there are "
        f"{min(limits) / 2**30:.2f} GiB; use fewer units or a smaller batch_size"
    )

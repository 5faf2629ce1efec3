"""What a network takes of memory, refused before it is allocated where there is not enough."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fastmf.data import Ratings
from fastmf.kernels.vectors import WIDTH
from fastmf.machine import available_threads
from fastmf.models.limits import memory_beside
from fastmf.models.networks.features import FeatureLayer
from fastmf.nn.tape import shard_rows_of, shards
from fastmf.training import RunSettings

__all__ = ["check_memory", "needed_memory"]

# Arrays as large as a table that its optimizer keeps.
_KEPT_OF_ROWS = {"adam": 2, "adamw": 2, "adagrad": 1, "sgd": 1}

# Rows of factors as they predict, beside those in training.
_PREDICTING = 2

# Arrays as large as all dense parameters: the parameters, where they decay, two that the optimizer
# keeps, and two sums of gradients; and what predicts, of which the first layer is there twice.
_OF_PARAMETERS = 6.25
_PREDICTING_PARAMETERS = 1

# Rows of a batch whose gradients compiled steps sum up on their own; see `fastmf.nn.pair_memory`.
_PART_ROWS = 512

# Of a rating of a batch, on its way there: indices, value, place, and their sorted order.
_BYTES_OF_A_RATING = 100


def needed_memory(
    parameters: Any,
    train: Ratings,
    n_threads: int,
    *,
    keep_best: bool,
    n_outputs: int = 1,
    features: Sequence[FeatureLayer] = (),
) -> int:
    """Return about how many bytes training takes at its height, beside the process itself.

    Parameters
    ----------
    parameters : NetworkParameters
        Those without `hidden` have no layers.
    train : Ratings
    n_threads : int
    keep_best : bool
        Whether a second copy of all that is trained is kept, of the best epoch.
    n_outputs : int, optional
        Of the last layer.
    features : sequence of FeatureLayer, optional
        What is known of users and items besides.

    Returns
    -------
    int
    """
    hidden = getattr(parameters, "hidden", None)
    n_rows, k = train.n_users + train.n_items, int(parameters.factors)
    row = -(-(k + 1) // WIDTH) * WIDTH
    floats: float = (
        n_rows * row * (1 + _KEPT_OF_ROWS[parameters.optimizer] + keep_best + _PREDICTING)
    )
    n_batch: int = max(1, parameters.batch_of(len(train)))  # the census refuses no ratings
    if hidden is None:
        return int(4 * (floats + 4 * n_batch * row)) + n_batch * _BYTES_OF_A_RATING
    widths = [2 * k + sum(layer.width for layer in features), *map(int, hidden), n_outputs]
    floats += _of_features(train, features) + n_rows * widths[1]
    n_levels = sum(one.value.size for layer in features for one in layer.parameters)
    copies = _OF_PARAMETERS + keep_best
    if _is_compiled(parameters, features):
        copies += -(-n_batch // _PART_ROWS)
        touched = min(n_batch, train.n_users) + min(n_batch, train.n_items)
        floats += touched * (2 * row + widths[1])
        floats += _of_compiled_units(parameters, widths, n_batch, n_threads)
    else:
        copies += len(shards(n_batch))
        floats += 4 * n_batch * row + _of_units(parameters, widths, n_batch, n_threads)
    n_weights = sum((n_inputs + 1) * n_outputs for n_inputs, n_outputs in pairwise(widths))
    floats += copies * (n_weights + n_levels) + _PREDICTING_PARAMETERS * n_weights
    return int(4 * floats) + n_batch * _BYTES_OF_A_RATING


def _of_features(train: Ratings, features: Sequence[FeatureLayer]) -> int:
    """Return the floats of what is known of users and items, as it is given and as it predicts."""
    floats: int = sum(
        (train.n_users if layer.side == "user" else train.n_items)
        * (layer.n_numbers + _PREDICTING * layer.width)
        for layer in features
    )
    return floats


def _is_compiled(parameters: Any, features: Sequence[FeatureLayer]) -> bool:
    """Return whether compiled steps take the network; see `fastmf.nn.pair_steps`."""
    return bool(
        (getattr(parameters, "loss", ""), getattr(parameters, "output", "")) == ("mse", "linear")
        and parameters.activation == "relu"
        and parameters.optimizer in ("adam", "adamw")
        and parameters.clip_norm is None
        and not parameters.input_dropout
        and not features
    )


def _of_compiled_units(parameters: Any, widths: Sequence[int], n_batch: int, n_threads: int) -> int:
    """Return the floats of what compiled layers make of a batch; see `fastmf.nn.pair_memory`."""
    n_units: int = sum(widths[1:])
    if parameters.batch_norm:  # which needs the whole batch at once: units, and their gradients
        return 2 * n_batch * n_units
    n_arrays = 1 + bool(parameters.dropout)
    return min(n_batch, n_threads * _PART_ROWS) * n_arrays * n_units + n_batch * widths[1]


def _of_units(parameters: Any, widths: Sequence[int], n_batch: int, n_threads: int) -> int:
    """Return the floats of what layers make of a batch, forward and back."""
    arrays = 2 + 2 * bool(parameters.dropout)
    n_rows = min(n_batch, n_threads * shard_rows_of(n_batch))
    if parameters.batch_norm:
        arrays, n_rows = arrays + 3, n_batch
    floats: int = n_rows * (3 * widths[0] + arrays * sum(widths[1:]))
    return floats


def check_memory(
    parameters: Any,
    train: Ratings,
    valid: Ratings | None,
    run: RunSettings,
    *,
    n_outputs: int = 1,
    features: Sequence[FeatureLayer] = (),
) -> None:
    """Refuse more factors and units than memory can hold, before they are allocated.

    Parameters
    ----------
    parameters : NetworkParameters
    train : Ratings
    valid : Ratings or None
    run : RunSettings
    n_outputs, features
        As of `needed_memory`.

    Raises
    ------
    ParameterError
    """
    n_threads = run.num_threads or available_threads()
    more: dict[str, Any] = {"n_outputs": n_outputs, "features": features}
    needed = needed_memory(parameters, train, n_threads, keep_best=valid is not None, **more)
    settings, remedy = f"factors is {parameters.factors}", "use fewer factors"
    if hasattr(parameters, "hidden"):
        settings += f" and hidden is {tuple(map(int, parameters.hidden))}"
        remedy = "use fewer factors, fewer units or a smaller batch_size"
    n_rows = train.n_users + train.n_items
    memory_beside(settings, needed, n_rows, run.max_memory, lambda _: remedy)

"""Checks of hyperparameters that every model shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastmf.data import Ratings
from fastmf.errors import ParameterError
from fastmf.kernels.sgd import row_length
from fastmf.kernels.vectors import WIDTH
from fastmf.machine import available_memory
from fastmf.training import RunSettings

__all__ = [
    "HIGHEST_SCALE",
    "HIGHEST_WEIGHT",
    "check_number",
    "memory_beside",
    "memory_beside_factors",
    "memory_left",
    "units_of",
]

HIGHEST_WEIGHT = 1e6
"""Of regularization and confidences of least squares: far past anything of use, and far from where
float32 overflows. Ratings are scaled to a spread of one while training."""

HIGHEST_SCALE = 10.0
"""Of the factors at the start, likewise."""

_MOST_UNITS = 1 << 16

# Python, compiled kernels and the libraries, measured after a run on a small table.
_PROCESS_BYTES = 256 << 20


def check_number(
    name: str,
    value: Any,
    *,
    whole: bool = False,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> None:
    """Refuse a hyperparameter that is no number or outside its limits.

    Parameters
    ----------
    name : str
        The hyperparameter, for the message.
    value : object
    whole : bool, optional
        Whether it must be an integer.
    least, above : float, optional
        The lowest value allowed, or the value it must lie above.
    most : float, optional
        The highest value allowed.

    Raises
    ------
    ParameterError
    """
    # NumPy's scalars count as numbers; True and False do not.
    is_whole = hasattr(value, "__index__") and not isinstance(value, bool)
    is_number = is_whole or (hasattr(value, "__float__") and not isinstance(value, str | bool))
    if not (is_whole if whole else is_number):
        wanted = "a whole number" if whole else "a number"
        raise ParameterError(f"{name} is {value!r}, but it must be {wanted}")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # a whole number past the floats
        finite = False
    if not finite:
        raise ParameterError(f"{name} is {value}, but it must be finite")
    if least is not None and value < least:
        raise ParameterError(f"{name} is {value}, but it must be at least {_limit(least)}")
    if above is not None and value <= above:
        raise ParameterError(f"{name} is {value}, but it must be above {_limit(above)}")
    if most is not None and value > most:
        raise ParameterError(f"{name} is {value}, but it must be at most {_limit(most)}")


def _limit(value: float) -> str:
    """Write a limit: a whole number in full."""
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def units_of(hidden: Any, example: str) -> tuple[int, ...]:
    """Return the units of hidden layers after checking them.

    Parameters
    ----------
    hidden : sequence of int, (n,) ndarray, or int
        One number is one layer.
    example : str
        For the message.

    Returns
    -------
    tuple of int

    Raises
    ------
    ParameterError
    """
    given = hidden.tolist() if isinstance(hidden, np.ndarray | np.generic) else hidden
    given = (given,) if isinstance(given, int) else given
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ParameterError(
            f"hidden is {hidden!r}, but it must be a tuple of units such as {example}"
        )
    for units in given:
        check_number("hidden", units, whole=True, least=1, most=_MOST_UNITS)
    return tuple(map(int, given))


def memory_left(
    name: str,
    factors: int,
    n_rows: int,
    *,
    keep_best: bool,
    max_memory: int | None,
    more_rows: int = 0,
) -> int | None:
    """Refuse more factors than memory can hold; return what is left beside them.

    Parameters
    ----------
    name : str
        The hyperparameter, for the message.
    factors : int
    n_rows : int
        Users and items together.
    keep_best : bool
        Whether a second copy is kept, of the best epoch.
    max_memory : int or None
        Bytes to keep to; default what the system says is available.
    more_rows : int, optional
        Rows of the same length that training needs besides.

    Returns
    -------
    int or None
        Bytes, at least 0; None where the system does not tell.

    Raises
    ------
    ParameterError
    """
    copies = 3 if keep_best else 2  # the rows in training, the best ones, the compact result
    all_rows = copies * n_rows + more_rows

    def remedy(usable: int) -> str:
        fitting = int(usable / (all_rows * 4)) // WIDTH * WIDTH - 2
        return f"use {fitting} or fewer" if fitting >= 1 else ""

    needed = all_rows * row_length(factors) * 4
    return memory_beside(f"{name} is {factors}", needed, n_rows, max_memory, remedy)


def memory_beside(
    settings: str,
    needed: int,
    n_rows: int,
    max_memory: int | None,
    remedy: Callable[[int], str],
    *,
    process_bytes: int = _PROCESS_BYTES,
) -> int | None:
    """Refuse to take more memory than there is; return what is left beside it.

    Parameters
    ----------
    settings : str
        What it depends on, for the message, such as "factors is 50".
    needed : int
        Bytes.
    n_rows : int
        Users and items together, for the message.
    max_memory : int or None
        Bytes to keep to; default what the system says is available.
    remedy : callable
        Takes the bytes that could be had, and returns which settings would do, or nothing.
    process_bytes : int, optional
        Of the process itself.

    Returns
    -------
    int or None
        Bytes, at least 0; None where the system does not tell.

    Raises
    ------
    ParameterError
    """
    limits = [limit for limit in (max_memory, available_memory()) if limit is not None]
    if not limits:
        return None
    usable = max(0, min(limits) - process_bytes)
    if needed <= usable:
        return usable - needed
    given = max_memory is not None and max_memory == min(limits)
    ways = [f"give max_memory {_size(needed + process_bytes)} or more"] if given else []
    ways += [way for way in (remedy(usable),) if usable and way]
    left = (
        f"max_memory is {_size(min(limits))}, and {_size(process_bytes)} go to the process itself"
        if given
        else f"{_size(usable)} of memory are left for them"
    )
    raise ParameterError(
        f"{settings}, which takes {_size(needed)} for {n_rows:,} users and items, but "
        f"{left}; {', or '.join(ways) or 'there are too many users and items'}"
    )


def _size(n_bytes: int) -> str:
    """Write a size, rounded up, so that what is asked for is enough."""
    if n_bytes < 2**30:
        return f"{math.ceil(n_bytes / 2**20)} MiB"
    return f"{math.ceil(n_bytes / 2**30 * 100) / 100:.2f} GiB"


def memory_beside_factors(
    factors: int,
    ratings: Ratings,
    valid: Ratings | None,
    run: RunSettings,
    *,
    more_rows: int = 0,
) -> int | None:
    """Return the bytes left beside the factors; see `memory_left`.

    Parameters
    ----------
    factors : int
    ratings : Ratings
        Training ratings.
    valid : Ratings or None
        Validation ratings; with them the best epoch is kept as well.
    run : RunSettings
    more_rows : int, optional
        As for `memory_left`.

    Returns
    -------
    int or None

    Raises
    ------
    ParameterError
        If the factors do not fit.
    """
    n_rows = ratings.n_users + ratings.n_items
    keep_best = valid is not None
    limits: dict[str, Any] = {"keep_best": keep_best, "max_memory": run.max_memory}
    return memory_left("factors", factors, n_rows, **limits, more_rows=more_rows)

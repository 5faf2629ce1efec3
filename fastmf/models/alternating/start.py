"""Where alternating least squares starts: sorted ratings; rows at random, or learned before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastmf.data import Ratings, Vocabulary
from fastmf.data.cache import work_folder
from fastmf.data.row_layout import RowLayout, lay_out_rows, row_layout_bytes
from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import ParameterError
from fastmf.kernels.alternating.normal_equations import System
from fastmf.models.alternating.als_rows import SolvedRows, factor_lanes
from fastmf.models.fitted_factors import FittedFactors
from fastmf.parallel import Team
from fastmf.training import Progress

__all__ = ["fitted_start", "sorted_within", "starting_rows"]


def sorted_within(
    memory: int | None, ratings: Ratings, team: Team, progress: Progress, *, centred: bool
) -> RowLayout:
    """Lay out ratings, in a file where they do not fit into memory.

    Parameters
    ----------
    memory : int or None
        Bytes that may be used; None where that is not known.
    ratings : Ratings
    team : Team
    progress : Progress
    centred : bool
        As for `lay_out_rows`.

    Returns
    -------
    RowLayout
    """
    progress.start("sorting ratings", 0, " ratings")
    in_memory = memory is None or row_layout_bytes(len(ratings)) <= memory
    work_arrays = WorkArrays(None if in_memory else work_folder())
    return lay_out_rows(ratings, team, centred=centred, work_arrays=work_arrays)


def fitted_start(model: Any, parameters: Any) -> FittedFactors | None:
    """Return a model if training is to continue from what it has learned.

    Parameters
    ----------
    model : ALS or ImplicitALS
    parameters : ALSParameters or ImplicitALSParameters

    Returns
    -------
    FittedFactors or None

    Raises
    ------
    ParameterError
        If it was fitted with another number of factors.
    """
    if not parameters.warm_start or not hasattr(model, "user_factors_"):
        return None
    fitted: FittedFactors = model
    learned = fitted.user_factors_.shape[1]
    if learned != parameters.factors:
        raise ParameterError(
            f"factors is {parameters.factors}, but warm_start continues from a model of {learned}; "
            "give as many, or leave warm_start out"
        )
    return fitted


def starting_rows(
    parameters: Any,
    system: System,
    layout: RowLayout,
    ratings: Ratings,
    fitted: FittedFactors | None,
) -> SolvedRows:
    """Return where training starts.

    Parameters
    ----------
    parameters : ALSParameters or ImplicitALSParameters
    system : System
    layout : RowLayout
    ratings : Ratings
        Those behind `layout`.
    fitted : FittedFactors or None
        What to continue from: the rows of its users and items that have ratings here. Others
        start at random.

    Returns
    -------
    SolvedRows
    """
    counts = np.diff(layout.by_user.starts), np.diff(layout.by_item.starts)
    generator = np.random.default_rng(parameters.random_state)
    rows = SolvedRows.random(system, *counts, parameters.initial_scale, generator)
    if fitted is not None:
        # A prediction stays what it was where the mean of the ratings is another one now.
        shift = fitted.mean_ - layout.scale.mean
        arrays = fitted.arrays
        users = fitted.users_, ratings.users, counts[0]
        items = fitted.items_, ratings.items, counts[1]
        unit = layout.scale.scale
        _take_over(rows.users, system, unit, *users, arrays.user_factors, arrays.user_bias + shift)
        _take_over(rows.items, system, unit, *items, arrays.item_factors, arrays.item_bias)
    return rows


def _take_over(
    rows: NDArray[np.float32],
    system: System,
    unit: float,
    known: Vocabulary,
    now: Vocabulary,
    counts: NDArray[np.int64],
    factors: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> None:
    """Set the rows of one side that are known, and have ratings now."""
    before = known.lookup(now.ids)
    found = np.flatnonzero((before >= 0) & (counts > 0))
    table = rows.reshape(-1, system.stride)
    table[found, factor_lanes(system)] = factors[before[found]] / np.float32(unit**0.5)
    if system.biased:
        table[found, -1] = bias[before[found]] / np.float32(unit)

"""Splits of ratings into views; nothing is copied."""

from __future__ import annotations

import numpy as np

from fastmf.data.arrays import frozen
from fastmf.data.ratings import Ratings
from fastmf.errors import ParameterError
from fastmf.kernels import sampling as kernels

__all__ = ["random_split"]


def random_split(
    ratings: Ratings, fraction: float, random_state: int | np.random.Generator = 0
) -> tuple[Ratings, Ratings]:
    """Hold out a random fraction of the ratings.

    Selection sampling with a counter-based generator (see
    `fastmf.kernels.sampling.sample_rows`): the size is exact, and the same ratings and seed give
    the same split, in memory or memory-mapped.

    Parameters
    ----------
    ratings : Ratings
        What to split; may itself be a selection.
    fraction : float
        Part to hold out, between 0 and 1.
    random_state : int or numpy.random.Generator, optional
        Seed; a generator is advanced by one draw.

    Returns
    -------
    train, held_out : Ratings
        Two views; ``len(held_out) == round(fraction * len(ratings))``.

    Raises
    ------
    ParameterError
        If the fraction is not between 0 and 1, or leaves one side empty.
    """
    if not 0.0 < fraction < 1.0:
        raise ParameterError(
            f"the fraction to hold out is {fraction:g}, but it must lie between 0 and 1, "
            "for example 0.1"
        )
    n_held_out = round(fraction * len(ratings))
    if n_held_out in (0, len(ratings)):
        side = "out nothing" if n_held_out == 0 else "out everything"
        raise ParameterError(
            f"a fraction of {fraction:g} of {len(ratings)} ratings holds {side}; choose another"
        )
    if not isinstance(random_state, np.random.Generator) and random_state < 0:
        raise ParameterError(f"random_state is {random_state}, but must be at least 0")
    generator = np.random.default_rng(random_state)
    key = np.uint64(generator.integers(0, 2**64, dtype=np.uint64))
    candidates = ratings.selected_rows
    chosen = np.empty_like(candidates)
    kernels.sample_rows(
        candidates,
        np.int64(ratings.n_rows),
        np.int64(len(ratings)),
        np.int64(n_held_out),
        key,
        chosen,
    )
    return ratings.select(frozen(~chosen)), ratings.select(frozen(chosen))

"""Keys of counter-based random numbers, drawn from a seed."""

from __future__ import annotations

import numpy as np

from fastmf.errors import ParameterError

__all__ = ["check_random_state", "draw_keys"]


def check_random_state(random_state: int | np.random.Generator) -> None:
    """Refuse what is no seed.

    Raises
    ------
    ParameterError
        If `random_state` is neither a whole number of at least 0 nor a generator.
    """
    if isinstance(random_state, np.random.Generator):
        return
    if isinstance(random_state, bool) or not hasattr(random_state, "__index__"):
        raise ParameterError(f"random_state is {random_state!r}, but must be a whole number")
    if random_state < 0:
        raise ParameterError(f"random_state is {random_state}, but must be at least 0")


def draw_keys(random_state: int | np.random.Generator, n: int = 1) -> list[np.uint64]:
    """Draw keys for `fastmf.kernels.tables.sampling` and its like.

    Parameters
    ----------
    random_state : int or numpy.random.Generator
        Seed; a generator is advanced by `n` draws.
    n : int, optional
        How many.

    Returns
    -------
    list of uint64

    Raises
    ------
    ParameterError
        If it is no seed.
    """
    check_random_state(random_state)
    generator = np.random.default_rng(random_state)
    return [np.uint64(generator.integers(0, 2**64, dtype=np.uint64)) for _ in range(n)]

"""Setting Numba up for the first kernel of a process."""

from __future__ import annotations

from functools import cache

from numba.core.registry import cpu_target
from numba.np import linalg

__all__ = ["start_numba"]


@cache
def start_numba() -> None:
    """Set Numba up without SciPy's linear algebra, which no kernel calls: 0.1 s instead of 0.45.

    Numba imports `scipy.linalg` only to learn whether it is there, and asks again, as it always
    does, wherever a function to compile multiplies matrices. Without this everything works as well,
    only later.
    """
    if not hasattr(linalg, "ensure_blas"):
        return
    asked = linalg.ensure_blas
    linalg.ensure_blas = _take_for_granted
    try:
        cpu_target.target_context.refresh()
    finally:
        linalg.ensure_blas = asked


def _take_for_granted() -> None:
    """SciPy is among what this package requires."""

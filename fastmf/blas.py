"""BLAS in one thread, so that it neither fights with a team nor sums in another order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

__all__ = ["one_blas_thread"]

_lock = Lock()
_entered = 0
_numbers_before: list[int] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep every BLAS of the process to one thread, and set back afterwards what it was.

    May be entered again inside, and from several threads at once: the first to enter sets the
    limit, and the last to leave takes it away.
    """
    global _entered  # noqa: PLW0603 - the limit holds for the whole process
    with _lock:
        if _entered == 0:
            _numbers_before[:] = [one.get_num_threads() for one in _libraries()]
            _set_numbers([1] * len(_numbers_before))
        _entered += 1
    try:
        yield
    finally:
        with _lock:
            _entered -= 1
            if _entered == 0:
                _set_numbers(_numbers_before)


@cache
def _libraries() -> list[Any]:
    """Look for what NumPy and kernels multiply with, once: it takes milliseconds."""
    # They take a tenth of a second to import, which not everyone needs.
    import scipy.linalg.cython_blas  # noqa: F401, PLC0415 - kernels multiply through it: to be found
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_numbers(numbers: list[int]) -> None:
    for library, number in zip(_libraries(), numbers, strict=True):
        # By itself threadpoolctl listens to the one thread that first set a limit, and ignores all
        # others without a word; older versions have no such thing.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)

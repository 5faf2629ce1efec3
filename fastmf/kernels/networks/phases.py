"""Compiled work shared by several threads, phase by phase, without returning to Python.

All threads run the same sequence of phases. A phase is a number of tasks: whoever is free takes the
next one, and nobody goes on before all are done. Nobody is counted on, either: a thread that comes
late finds the phases behind it done, and one that never comes is not missed. Handing a phase over
to the threads of a pool takes some 0.1 ms; going on to the next one here takes less than 1 us.

The state of the phases is a board, (n_phases, `LINE`) int64, of zeros to begin with::

    while True:
        task = take_task(board, phase)
        if task >= n_tasks:
            break
        ...
        if end_task(board, phase, n_tasks):
            ...  # what is to be done once, when all tasks are done
            open_next(board, phase)
    wait_for(board, phase)

A number of tasks that is not above 0 is not allowed: nobody would open the next phase.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastmf.kernels.compiled import kernel

__all__ = ["LINE", "end_task", "open_next", "take_task", "wait_for"]

LINE = 8
"""Integers kept for a phase: a cache line, so that threads in different phases do not disturb."""

_TAKEN, _DONE, _OPEN = 0, 1, 2

# Looks at a phase before the processor is given to whoever else wants it: some microseconds.
_LOOKS = 1000

# Of the C library on all systems but Windows, which has its own.
_yield = types.ExternalFunction("sched_yield", types.int32())

_BOARD = types.Array(types.int64, 2, "C")
_INT = types.int64


def _cell(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Return a pointer to ``board[phase, column]``."""
    board = context.make_array(sig.args[0])(context, builder, args[0])
    return cgutils.get_item_pointer(context, builder, sig.args[0], board, args[1:])


@intrinsic
def _count(typing_context: Any, board: Any, phase: Any, column: Any) -> Any:
    """Add one to ``board[phase, column]``, indivisibly, and return what it was before."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", _cell(context, builder, sig, args), one, "acq_rel")

    return _INT(board, _INT, _INT), generate


@intrinsic
def _look(typing_context: Any, board: Any, phase: Any, column: Any) -> Any:
    """Return ``board[phase, column]``; what was written before it was set can be read from now."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(_cell(context, builder, sig, args), "acquire", 8)

    return _INT(board, _INT, _INT), generate


@intrinsic
def _set(typing_context: Any, board: Any, phase: Any, column: Any) -> Any:
    """Set ``board[phase, column]`` to one, after all that this thread has written or waited for."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        builder.store_atomic(one, _cell(context, builder, sig, args), "release", 8)
        return context.get_dummy_value()

    return types.void(board, _INT, _INT), generate


@kernel(signature=_INT(_BOARD, _INT))
def take_task(board, phase):
    """Return the number of a task that no thread has taken before, from 0.

    Parameters
    ----------
    board : (n_phases, LINE) int64, modified in place
    phase : int64

    Returns
    -------
    int64
        The number of tasks or more where none is left.
    """
    return _count(board, phase, _TAKEN)


@kernel(signature=types.boolean(_BOARD, _INT, _INT))
def end_task(board, phase, n_tasks):
    """Tell that a task is done.

    Parameters
    ----------
    board : (n_phases, LINE) int64, modified in place
    phase : int64
    n_tasks : int64
        Of the phase.

    Returns
    -------
    bool
        Whether it was the last: true for one task of each phase. Everything that the others have
        written can be read then, and `open_next` is to be called.
    """
    return _count(board, phase, _DONE) == n_tasks - 1


@kernel(signature=types.void(_BOARD, _INT))
def open_next(board, phase):
    """Let all threads go on to the next phase.

    Parameters
    ----------
    board : (n_phases, LINE) int64, modified in place
    phase : int64
        The one that is over.
    """
    _set(board, phase, _OPEN)


@kernel(signature=types.void(_BOARD, _INT))
def wait_for(board, phase):
    """Return when a phase is over; all that was written in it can be read then.

    Parameters
    ----------
    board : (n_phases, LINE) int64
    phase : int64
    """
    looks = 0
    while _look(board, phase, _OPEN) == 0:
        looks += 1
        if looks == _LOOKS:
            _yield()
            looks = 0

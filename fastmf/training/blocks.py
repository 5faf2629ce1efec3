"""The order in which blocks are trained, and threads that keep to it without waiting in rounds.

An order of blocks is fixed by the grid and the seed. Two blocks that share a row or a column of
the grid must be trained in that order; all others are independent. A thread therefore takes the
first block of the order whose row and column are up to date. What is computed is the same, bit
for bit, as training the blocks one by one, whichever thread takes which block when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Condition

import numpy as np

from fastmf.parallel import Team

__all__ = ["Block", "block_order", "run_blocks"]

Block = tuple[int, int]
"""Row and column of a block in the grid."""


def block_order(side: int, random_state: int, epoch: int) -> list[Block]:
    """Return every block of a grid once, one generalised diagonal after the other.

    The blocks of a diagonal share no row and no column, so `side` threads can work at a time
    (Gemulla et al. 2011, "Large-scale matrix factorization with distributed stochastic gradient
    descent"). The diagonals come in a random order.

    Parameters
    ----------
    side : int
        Blocks along either axis.
    random_state : int
        Seed of the run.
    epoch : int
        Number of the epoch. The order depends on seed and epoch alone, so a run that is
        resumed goes on as it would have.

    Returns
    -------
    list of (int, int)
    """
    shifts = np.random.default_rng([random_state, epoch]).permutation(side)
    return [(row, int((row + shift) % side)) for shift in shifts for row in range(side)]


class _Schedule:
    """Hands out the blocks of an order, each as soon as its row and column are up to date."""

    def __init__(self, order: Sequence[Block]) -> None:
        self._changed = Condition()
        self._waiting = list(range(len(order)))
        self._order = order
        self._failed = False
        rows: dict[int, int] = {}
        columns: dict[int, int] = {}
        self._turns = []
        for row, column in order:
            self._turns.append((rows.get(row, 0), columns.get(column, 0)))
            rows[row] = rows.get(row, 0) + 1
            columns[column] = columns.get(column, 0) + 1
        self._rows_done = dict.fromkeys(rows, 0)
        self._columns_done = dict.fromkeys(columns, 0)

    def _first_ready(self) -> int | None:
        for place, position in enumerate(self._waiting):
            row, column = self._order[position]
            if self._turns[position] == (self._rows_done[row], self._columns_done[column]):
                return self._waiting.pop(place)
        return None

    def take(self) -> int | None:
        """Return the position of a block to train, or None when there is nothing left to do."""
        with self._changed:
            while self._waiting and not self._failed:
                position = self._first_ready()
                if position is not None:
                    return position
                self._changed.wait()
            return None

    def done(self, position: int) -> None:
        row, column = self._order[position]
        with self._changed:
            self._rows_done[row] += 1
            self._columns_done[column] += 1
            self._changed.notify_all()

    def fail(self) -> None:
        with self._changed:
            self._failed = True
            self._changed.notify_all()


def run_blocks(
    order: Sequence[Block], train_block: Callable[[int, int], float], team: Team
) -> list[float]:
    """Train blocks in an order, with all threads of a team.

    Parameters
    ----------
    order : sequence of (row, column)
    train_block : callable
        Trains the block at (row, column) and returns a figure. Must release the GIL to run in
        parallel.
    team : Team

    Returns
    -------
    list of float
        What `train_block` returned, by position in `order`, whatever the number of threads.
    """
    schedule = _Schedule(order)
    figures = [0.0] * len(order)

    def work(_: int) -> None:
        while (position := schedule.take()) is not None:
            try:
                figures[position] = train_block(*order[position])
            except BaseException:
                schedule.fail()
                raise
            schedule.done(position)

    try:
        for _ in team.map(work, range(min(team.num_threads, len(order)))):
            pass
    except BaseException:
        # An interrupt lands in the waiting thread; the others must not start further blocks.
        schedule.fail()
        raise
    return figures

"""Items on their way through steps: made on any thread, taken in their order by every step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, TypeVar

from fastmf.parallel import Team

__all__ = ["Pipeline"]

Item = TypeVar("Item")

# Items for each thread that are made or wait for steps.
_AHEAD = 2
# The step that making an item is, where failures are put in order.
_MAKING = -1


class Pipeline(Generic[Item]):
    """Makes items and takes them through steps, every thread doing what can be done next.

    In rounds, each of which decodes a group of batches and encodes the group before, two threads
    spend a tenth of their time waiting for the end of the round.

    Parameters
    ----------
    jobs : iterator of callable
        Each makes an item. One thread at a time asks for the next one.
    steps : sequence of callable
        Each takes all items, in order and one at a time; different steps work at the same time.
        All others take an item after the first one has. What takes longest comes first of these.
    finished : callable
        Takes every item in order, once it is through all steps. No step takes the second item
        before it has returned from the first.
    together : bool
        Whether several items may be made at the same time, while the next is asked for.
    """

    def __init__(
        self,
        jobs: Iterator[Callable[[], Item]],
        steps: Sequence[Callable[[Item], None]],
        finished: Callable[[Item], None],
        *,
        together: bool,
    ) -> None:
        self._jobs = jobs
        self._steps = steps
        self._finished = finished
        self._together = together
        self._changed = threading.Condition()  # of all that follows
        self._items: dict[int, Item] = {}
        self._next = [0] * len(steps)  # which item each step takes next
        self._busy = [False] * len(steps)
        self._asking = False  # or there is nothing more to ask for
        self._n_asked = self._n_finished = self._most_ahead = 0
        self._n_running = 1  # what sets up
        self._set_up = self._ended = False
        self._failures: dict[tuple[int, int], BaseException] = {}  # by item and step
        self._limit = float("inf")  # items from this one on are not taken

    def run(self, team: Team, set_up: Callable[[], None]) -> None:
        """Take all items through all steps.

        Parameters
        ----------
        team : Team
            The threads.
        set_up : callable
            Runs before any step does, while other threads make items.

        Raises
        ------
        Exception
            The first one raised, in the order of the items, and of the steps of an item: which one
            that is does not depend on the threads.
        """
        self._most_ahead = _AHEAD * team.num_threads

        def work(number: int) -> None:
            if number == 0:
                self._start(set_up)
            while (task := self._wait_for_task()) is not None:
                task()

        try:
            for _ in team.map(work, range(team.num_threads)):
                pass
        finally:
            # An interrupt comes to this thread, which waits for the others.
            with self._changed:
                self._end()
        if self._failures:
            raise self._failures[min(self._failures)]

    def _start(self, set_up: Callable[[], None]) -> None:
        try:
            set_up()
        except BaseException as error:
            self._fail(0, _MAKING, error)
            return
        with self._changed:
            self._set_up = True
            self._ran()

    def _wait_for_task(self) -> Callable[[], None] | None:
        """Return what can be done next; None once all is done."""
        with self._changed:
            while not self._ended:
                task = self._choose()
                if task is not None:
                    self._n_running += 1
                    return task
                if self._n_running == 0:
                    self._end()
                else:
                    self._changed.wait()
        return None

    def _choose(self) -> Callable[[], None] | None:
        """Choose a step before another item: made items take memory."""
        for step, number in enumerate(self._next):
            if not self._busy[step] and self._may_take(step, number):
                self._busy[step] = True
                return partial(self._take, step, number)
        n_ahead = self._n_asked - self._n_finished
        if self._asking or self._failures or n_ahead >= self._most_ahead:
            return None
        self._asking = True
        return self._make

    def _may_take(self, step: int, number: int) -> bool:
        return (
            self._set_up
            and number in self._items
            and number < self._limit
            and (step == 0 or number < self._next[0])
            and (number == 0 or self._n_finished > 0)
        )

    def _make(self) -> None:
        number = self._n_asked
        try:
            job = next(self._jobs, None)
            if job is not None:
                with self._changed:
                    self._n_asked += 1
                    self._asking = not self._together
                    self._changed.notify_all()
                item = job()
        except BaseException as error:
            self._fail(number, _MAKING, error)
            return
        with self._changed:
            if job is not None:
                self._items[number] = item
                self._asking = self._asking and self._together
            self._ran()

    def _take(self, step: int, number: int) -> None:
        try:
            self._steps[step](self._items[number])
        except BaseException as error:
            self._fail(number, step, error)
            return
        with self._changed:
            self._busy[step] = False
            self._next[step] += 1
            self._finish()
            self._ran()

    def _finish(self) -> None:
        """Let go of the items that are through all steps."""
        while self._n_finished < min(self._next):
            number = self._n_finished
            self._n_finished += 1
            try:
                self._finished(self._items.pop(number))
            except BaseException as error:
                self._failures[number, len(self._steps)] = error
                self._limit = min(self._limit, number + 1)

    def _fail(self, number: int, step: int, error: BaseException) -> None:
        """Stop at an item; what comes before it may still fail, and then is what to tell."""
        with self._changed:
            self._failures[number, step] = error
            # Other steps still take the item. The one that failed stays busy for good.
            self._limit = min(self._limit, number + (step != _MAKING))
            self._ran()

    def _ran(self) -> None:
        self._n_running -= 1
        self._changed.notify_all()

    def _end(self) -> None:
        self._ended = True
        self._changed.notify_all()

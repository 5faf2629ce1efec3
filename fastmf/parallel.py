"""Threads that run compiled kernels: a team of plain Python threads over `nogil` functions.

Kernels release the GIL, so plain threads run them in parallel. That keeps Numba's own threading
layers (OpenMP, TBB, workqueue) out of the process: nothing is oversubscribed, nothing aborts when
two models train at once, and no kernel pays the compile time of `parallel=True`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import count
from types import TracebackType
from typing import Self, TypeVar

from fastmf.errors import ParameterError
from fastmf.machine import available_threads

__all__ = ["MOST_THREADS", "Team"]

# Past any machine's processors; systems begin to refuse threads at some ten thousand.
MOST_THREADS = 1024

Task = TypeVar("Task")
Result = TypeVar("Result")


class Team:
    """A fixed number of threads that take tasks in order.

    Use as a context manager. A team of one runs everything in the calling thread.

    Parameters
    ----------
    num_threads : int, optional
        Threads to run, at most `MOST_THREADS`; default all processors this process may use.

    Raises
    ------
    ParameterError
        If `num_threads` is no whole number from 1 to `MOST_THREADS`.
    """

    def __init__(self, num_threads: int | None = None) -> None:
        if num_threads is not None and (
            isinstance(num_threads, bool) or not hasattr(num_threads, "__index__")
        ):
            raise ParameterError(f"num_threads is {num_threads!r}, but it must be a whole number")
        if num_threads is not None and num_threads < 1:
            raise ParameterError(
                f"num_threads is {num_threads}, but at least 1 is needed; "
                "leave it out to use every processor"
            )
        if num_threads is not None and num_threads > MOST_THREADS:
            raise ParameterError(
                f"num_threads is {num_threads}, but at most {MOST_THREADS:,} are started; "
                "leave it out to use every processor"
            )
        self.num_threads = num_threads or available_threads()
        self._pool = (
            ThreadPoolExecutor(self.num_threads, thread_name_prefix="fastmf")
            if self.num_threads > 1
            else None
        )

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Run `function` on every task and yield the results in the order of the tasks.

        Parameters
        ----------
        function : callable
            Takes one task. To run in parallel it must spend its time in code that releases the
            GIL.
        tasks : iterable
            The tasks; consumed at once when there is more than one thread.

        Yields
        ------
        object
            What `function` returned, task by task. The first exception is raised here.
        """
        if self._pool is None:
            yield from map(function, tasks)
        else:
            yield from self._pool.map(function, tasks)

    def work(self, function: Callable[[Task], object], tasks: Sequence[Task]) -> None:
        """Run `function` on every task, the calling thread working along.

        Cheaper than `map` for tasks of less than a millisecond: one thread fewer is to be woken,
        and a thread takes its next task without anybody handing it over.

        Parameters
        ----------
        function : callable
            Takes one task; as for `map`.
        tasks : sequence

        Raises
        ------
        Exception
            The first one raised, once every thread has ended its task.
        """
        numbers = count()  # its next() is atomic
        n_tasks = len(tasks)

        def take_tasks() -> None:
            while (number := next(numbers)) < n_tasks:
                try:
                    function(tasks[number])
                except BaseException:
                    for _ in range(n_tasks):  # the others take no more
                        next(numbers)
                    raise

        helpers = min(self.num_threads, n_tasks) - 1
        pending = [self._pool.submit(take_tasks) for _ in range(helpers)] if self._pool else []
        try:
            take_tasks()
        finally:
            # What has not begun by now has nothing to do, and may stand behind other work.
            begun = [future for future in pending if not future.cancel()]
            wait(begun)
        for future in begun:
            future.result()

    def close(self) -> None:
        """End the threads once their running tasks are done; waiting tasks are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

"""Where the time of a network's training goes: clocks around kernels and matrix products."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from numba.core.dispatcher import Dispatcher

from bench.harness import Table
from bench.process import run_command
from fastmf import RunSettings, read_ratings
from fastmf.kernels.networks import ticks
from fastmf.kernels.networks.pair_steps import take_steps
from fastmf.models import model_class

GEMM = "gemm (in a stack's own kernel with biases and activations)"
REST = "Python, hand-over, waiting"
# What steps that are compiled from end to end spend their time on, by
# `fastmf.kernels.networks.ticks`.
IN_STEPS = {
    ticks.ROWS_AT_HAND: "bring rows up to date, gather them",
    ticks.PRODUCTS: GEMM,
    ticks.ELEMENTS: "join halves, norms, activations, dropout, loss",
    ticks.SUMS_BY_ROW: "sum gradients by row",
    ticks.ROW_STEPS: "step of rows",
    ticks.PARAMETERS: "sum gradients of layers, step",
}
# What kernels are for, by module or by function; others are shown by their own names.
PURPOSES = {
    "dense_chain": GEMM,
    "embedding_rows.gather": "gather rows",
    "embedding_rows.sort_by_row": "sort the batch by row",
    "sorted_batches": "sort the batch by row",
    "lazy_adam.bring_up_to_date": "bring rows up to date",
    "lazy_adam.step": "sum gradients of rows, step",
    "dense_steps": "step of layers",
    "dense_steps.sum_shards": "sum gradients of layers",
    "permutation": "shuffle and gather batches",
    "activations": "biases and activations",
    "normalization": "batch norm",
    "dropout": "dropout",
}


# As training multiplies: several threads, each with products of its own.
SGEMM = """
import json, sys, threading, time
import numpy as np
threads, best = int(sys.argv[1]), 0.0
def multiply(left, right, out, repeats):
    for _ in range(repeats):
        np.matmul(left, right, out=out)
for rows, inner, columns in ((1024, 100, 100), (512, 512, 128), (1024, 1024, 1024)):
    repeats = max(1, 5_000_000_000 // (rows * inner * columns))
    for _ in range(3):
        shapes = (rows, inner), (inner, columns), (rows, columns)
        work = [
            threading.Thread(
                target=multiply, args=(*(np.ones(shape, np.float32) for shape in shapes), repeats)
            )
            for _ in range(threads)
        ]
        begin = time.perf_counter()
        for one in work:
            one.start()
        for one in work:
            one.join()
        seconds = time.perf_counter() - begin
        best = max(best, threads * repeats * rows * inner * columns / seconds)
print(json.dumps(best / 1e9))
"""


class Clocks:
    """Seconds by purpose, added up over the threads."""

    def __init__(self) -> None:
        self._threads: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def timed(self, function: Callable[..., Any], purpose: str) -> Callable[..., Any]:
        """Return a function that does the same with a clock running.

        Parameters
        ----------
        function : callable
        purpose : str
        """
        threads, clock, thread = self._threads, time.perf_counter, threading.get_ident

        def run(*arguments: Any, **named: Any) -> Any:
            began = clock()
            result = function(*arguments, **named)
            threads[thread()][purpose] += clock() - began
            return result

        # Some are called uncompiled as well, on arrays.
        run.py_func = getattr(function, "py_func", None)  # type: ignore[attr-defined]
        return run

    def timed_steps(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `fastmf.kernels.networks.pair_steps.take_steps` with its own clocks running.

        Parameters
        ----------
        function : callable
        """
        threads, clock = self._threads, time.perf_counter

        def run(*arguments: Any) -> None:
            *others, memory, number = arguments
            counted = np.zeros((number + 1, ticks.N_PURPOSES + 1), np.int64)
            began = clock()
            function(*others, memory._replace(ticks=counted), number)
            elapsed, of_purposes = clock() - began, counted[number, : ticks.N_PURPOSES]
            for purpose, name in IN_STEPS.items():
                share = of_purposes[purpose] / max(1, of_purposes.sum())
                threads[threading.get_ident()][name] += float(share) * elapsed

        return run

    def seconds(self) -> dict[str, float]:
        """Return seconds by purpose, of all threads together."""
        sums: dict[str, float] = defaultdict(float)
        for of_thread in self._threads.values():
            for purpose, seconds in of_thread.items():
                sums[purpose] += seconds
        return dict(sums)

    def clear(self) -> None:
        """Begin anew."""
        self._threads.clear()


@dataclass(frozen=True)
class ProfiledRun:
    """One epoch with clocks.

    Attributes
    ----------
    n_ratings, threads : int
    wall_seconds : float
        Of the epoch.
    seconds : dict of str to float
        Of all threads, by purpose.
    """

    n_ratings: int
    threads: int
    wall_seconds: float
    seconds: dict[str, float]

    def nanoseconds(self) -> dict[str, float]:
        """Return thread time of a rating by purpose, the rest included."""
        rest = self.wall_seconds * self.threads - sum(self.seconds.values())
        each = {**self.seconds, REST: rest}
        return {purpose: value / self.n_ratings * 1e9 for purpose, value in each.items()}

    def gmac_per_second(self, multiplications: int) -> float:
        """Return billions of multiplications a second while in matrix products, all threads."""
        seconds = self.seconds.get(GEMM, 0.0) / self.threads
        return multiplications * self.n_ratings / seconds / 1e9 if seconds else 0.0

    def as_dict(self, multiplications: int) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "ratings_per_second": self.n_ratings / self.wall_seconds,
            "nanoseconds": self.nanoseconds(),
            "gmac_per_second": self.gmac_per_second(multiplications),
        }


def profile(train: Path, model: str, settings: dict[str, Any], threads: int) -> ProfiledRun:
    """Train two epochs with clocks and tell of the second.

    Parameters
    ----------
    train : Path
    model : str
    settings : dict
        Hyperparameters.
    threads : int
    """
    ratings = read_ratings(train)
    clocks = Clocks()
    stamps: list[tuple[float, dict[str, float]]] = []

    def after_epoch() -> bool:
        stamps.append((time.perf_counter(), clocks.seconds()))
        return False

    run = RunSettings(num_threads=threads, stop=after_epoch)
    fitted = model_class(model)(**{**settings, "epochs": 1})
    fitted.fit(ratings, run=RunSettings(num_threads=threads))  # loads the kernels
    with clocks_on_kernels(clocks):
        model_class(model)(**{**settings, "epochs": 2}).fit(ratings, run=run)
    (begin, before), (end, after) = stamps[:2]
    seconds = {name: after[name] - before.get(name, 0.0) for name in after}
    return ProfiledRun(len(ratings), threads, end - begin, seconds)


@contextlib.contextmanager
def clocks_on_kernels(clocks: Clocks) -> Iterator[None]:
    """Put clocks on `numpy.matmul` and on all kernels that modules of fastmf have loaded."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(np, "matmul", clocks.timed(np.matmul, GEMM)))
        for module, name, kernel in list(_kernels_in_use()):
            timed = (
                clocks.timed_steps(kernel)
                if kernel is take_steps
                else clocks.timed(kernel, purpose_of(kernel))
            )
            stack.enter_context(mock.patch.object(module, name, timed))
        yield


def _kernels_in_use() -> Iterator[tuple[ModuleType, str, Any]]:
    """Yield each module, name and kernel that fastmf calls, under the name or in the module."""
    whole: dict[str, ModuleType] = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("fastmf.") or name.startswith("fastmf.kernels"):
            continue
        for key, value in vars(module).items():
            if isinstance(value, Dispatcher):
                yield module, key, value
            elif isinstance(value, ModuleType) and value.__name__.startswith("fastmf.kernels."):
                whole[value.__name__] = value
    for module in whole.values():
        for key in module.__all__:
            if isinstance(vars(module)[key], Dispatcher):
                yield module, key, vars(module)[key]


def purpose_of(kernel: Any) -> str:
    """Return what a kernel is for."""
    module = kernel.py_func.__module__.rpartition(".")[2]
    name = f"{module}.{kernel.py_func.__name__}"
    return PURPOSES.get(name) or PURPOSES.get(module, name)


def sgemm_peak(threads: int) -> float:
    """Return GMAC/s of products of a shard's size, each thread with a BLAS of one thread."""
    environment = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    finished = run_command([sys.executable, "-c", SGEMM, str(threads)], env=environment)
    return float(json.loads(finished.stdout))


def as_table(model: str, runs: dict[int, ProfiledRun], multiplications: int, peak: float) -> Table:
    """Return the table of one model, a column for each batch size.

    Parameters
    ----------
    model : str
    runs : dict of int to ProfiledRun
        By batch size.
    multiplications : int
        In matrix products, of a rating.
    peak : float
        GMAC/s of sgemm.
    """
    found = [run.nanoseconds() for run in runs.values()]
    purposes = sorted({name for each in found for name in each} - {REST, GEMM})
    purposes.sort(key=lambda name: -max(each.get(name, 0.0) for each in found))
    rows = []
    for purpose in (GEMM, *purposes, REST):
        values = [each.get(purpose, 0.0) for each in found]
        if max(values) >= 1:
            rows.append((purpose, *_cells(values, found)))
    sums = [sum(each.values()) for each in found]
    rows.append(("all, one thread", *(f"{value:,.0f}" for value in sums)))
    rates = [run.n_ratings / run.wall_seconds / 1e3 for run in runs.values()]
    rows.append(("thousand ratings a second", *(f"{rate:,.0f}" for rate in rates)))
    speeds = [run.gmac_per_second(multiplications) for run in runs.values()]
    rows.append(("GMAC/s in gemm", *(f"{one:.0f} ({one / peak:.0%} of sgemm)" for one in speeds)))
    columns = ("ns a rating", *(f"batches of {size:,}" for size in runs))
    title = f"Where the time goes: {model}; sgemm {peak:.0f} GMAC/s"
    return Table(title, columns, rows)


def _cells(values: list[float], found: list[dict[str, float]]) -> list[str]:
    shares = [value / sum(each.values()) for value, each in zip(values, found, strict=True)]
    return [f"{value:,.0f} ({share:.0%})" for value, share in zip(values, shares, strict=True)]

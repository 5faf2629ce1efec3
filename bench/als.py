"""How fast alternating least squares is, against cmfrec and implicit, and against sgemm.

An iteration solves all users and all items once. The libraries run in turn, round by round, on
the same rows, and ratios are taken inside a round.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.als_tables import OWN, SOLVERS, add_comparison, add_factors, add_threads
from bench.command import TrainRun, Workplace, common_options, data_options
from bench.dataset import Split, random_split
from bench.harness import Progress, Record, interleave
from bench.peers import ModulePeer, PeerRun, installed_versions, reason_to_skip
from bench.process import run_command
from bench.source import count_rows, generate

FACTORS = (16, 32, 50, 64, 100, 128, 256)
LARGE = 50_000_000
MANY = 1_000_000_000

HELP = """Iterations of alternating least squares against cmfrec, implicit and sgemm.

Peers that are not installed are skipped, and said. --rounds 0 runs the table by factors alone.
"""


# Times one square product and one of the shape that normal equations have; the better counts.
SGEMM = """
import json, time
import numpy as np
best = 0.0
for rows, side in ((2048, 2048), (4096, 256)):
    left, right = (np.ones(shape, np.float32) for shape in ((side, rows), (rows, side)))
    left @ right
    repeats = max(1, 20_000_000_000 // (rows * side * side))
    for _ in range(3):
        begin = time.perf_counter()
        for _ in range(repeats):
            left @ right
        best = max(best, repeats * rows * side * side / (time.perf_counter() - begin))
print(json.dumps(best / 1e9))
"""


@dataclass
class Plan:
    """Everything the runs need to know."""

    workplace: Workplace
    split: Split
    threads: int
    iterations: int
    factors: int
    regularization: float
    alpha: float
    rounds: int


def explicit_peers() -> list[tuple[ModulePeer, dict[str, Any]]]:
    """Return cmfrec's solvers and their settings."""
    return [
        (
            ModulePeer(
                f"cmfrec {name}", "cmfrec", "cmfrec", "bench.peers.cmfrec", ({},), MANY, 1024
            ),
            {"conjugate_gradient": use, "implicit_features": False},
        )
        for name, use in (("Cholesky", False), ("CG", True))
    ]


def implicit_peers() -> list[tuple[ModulePeer, dict[str, Any]]]:
    """Return implicit's solvers and their settings."""
    return [
        (
            ModulePeer(
                f"implicit {name}",
                "implicit",
                "implicit",
                "bench.peers.implicit",
                ({},),
                MANY,
                1024,
            ),
            {"conjugate_gradient": use, "initial_scale": 0.1},
        )
        for name, use in (("Cholesky", False), ("CG", True))
    ]


@click.command("als", help=HELP)
@data_options(4_000_000)
@click.option("--factors", type=click.IntRange(min=1), default=50, show_default=True)
@click.option(
    "--by-factors",
    type=click.IntRange(min=1),
    multiple=True,
    default=FACTORS,
    show_default=True,
    help="A number of factors of the second table; repeat it.",
)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--by-threads",
    type=click.IntRange(min=1),
    multiple=True,
    help="A number of threads of the third table; repeat it. The first is the base.",
)
@click.option("--iterations", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--rounds", type=click.IntRange(min=0), default=3, show_default=True)
@click.option(
    "--regularization",
    type=float,
    default=10.0,
    show_default=True,
    help="Of cmfrec; 10 is its default. fastmf trains with its own defaults.",
)
@click.option(
    "--alpha",
    type=float,
    default=1.0,
    show_default=True,
    help="Of the implicit models: confidence is 1 + alpha * rating.",
)
@click.option("--explicit/--no-explicit", default=True, help="Run explicit models.")
@click.option("--implicit/--no-implicit", default=True, help="Run implicit models.")
@common_options
def als(
    *,
    ratings: int,
    data: Path | None,
    factors: int,
    by_factors: tuple[int, ...],
    threads: int,
    by_threads: tuple[int, ...],
    iterations: int,
    rounds: int,
    regularization: float,
    alpha: float,
    explicit: bool,
    implicit: bool,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Run the case and write its record."""
    progress = Progress(quiet=quiet)
    source = data or generate(cache, ratings, progress)
    fraction = 0.01 if count_rows(source) >= LARGE else 0.1
    split = random_split(source, cache, progress, fraction=fraction)
    record = Record(
        "als",
        settings={
            "data": split.describe(),
            "factors": factors,
            "threads": threads,
            "iterations": iterations,
            "rounds": rounds,
            "regularization of cmfrec": regularization,
            "alpha of the implicit models": alpha,
        },
    )
    peers = [peer for peer, _ in explicit_peers() + implicit_peers()]
    record.packages = installed_versions(peers)
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        settings = threads, iterations, factors, regularization, alpha
        plan = Plan(workplace, split, *settings, rounds=max(1, rounds))
        fastmf(plan, "als", factors, iterations=1)  # compiles, and prepares the store
        if rounds and explicit:
            tasks = explicit_tasks(plan, record)
            add_comparison(record, "Explicit", interleave(tasks, rounds, progress), "RMSE")
        if rounds and implicit:
            tasks = implicit_tasks(plan, record)
            runs = interleave(tasks, rounds, progress)
            add_comparison(record, "Implicit", runs, "root of the loss")
        if by_factors:
            peak = sgemm_peak(plan.threads)
            progress.say(f"sgemm: {peak:.1f} GMAC/s")
            runs_of = factor_runs(plan, sorted(set(by_factors)), progress)
            add_factors(record, runs_of, plan.split.n_train, peak)
        if by_threads:
            add_threads(record, thread_runs(plan, by_threads, progress), factors)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def fastmf(
    plan: Plan,
    model: str,
    factors: int,
    *,
    iterations: int,
    options: tuple[str, ...] = (),
    threads: int | None = None,
) -> TrainRun:
    """Train one of fastmf's models."""
    return plan.workplace.fastmf.train(
        plan.split.train,
        plan.workplace.path("model"),
        factors=factors,
        threads=threads or plan.threads,
        epochs=iterations,
        valid=plan.split.valid if model == "als" else None,
        options=("--model", model, *options),
    )


def explicit_tasks(plan: Plan, record: Record) -> dict[str, Callable[[], PeerRun]]:
    """Return fastmf's and cmfrec's runs, by name."""
    settings = {"iterations": plan.iterations, "regularization": plan.regularization}
    peers = peer_tasks(plan, record, explicit_peers(), settings)
    return {**own_tasks(plan, "als", ()), **peers}


def implicit_tasks(plan: Plan, record: Record) -> dict[str, Callable[[], PeerRun]]:
    """Return fastmf's and implicit's runs, by name."""
    regularization = 0.01
    settings = {
        "iterations": plan.iterations,
        "regularization": regularization,
        "alpha": plan.alpha,
    }
    options = ("--alpha", str(plan.alpha), "--regularization", str(regularization))
    peers = peer_tasks(plan, record, implicit_peers(), settings)
    return {**own_tasks(plan, "implicit-als", options), **peers}


def own_tasks(plan: Plan, model: str, options: tuple[str, ...]) -> dict[str, Callable[[], PeerRun]]:
    """Return the runs of both of fastmf's solvers, by name."""

    def run_of(solver: str) -> PeerRun:
        given = (*options, "--solver", solver)
        run = fastmf(plan, model, plan.factors, iterations=plan.iterations, options=given)
        rmse = run.history[-1].valid_rmse if model == "als" else run.report["train_rmse"]
        assert rmse is not None
        return as_peer_run(run, plan, rmse)

    solvers = zip(OWN, ("cholesky", "cg"), strict=True)
    return {name: functools.partial(run_of, solver) for name, solver in solvers}


def as_peer_run(run: TrainRun, plan: Plan, rmse: float) -> PeerRun:
    """Put a run of fastmf beside those of peers; sorting the ratings belongs to its training."""
    seconds = run.seconds["prepare"] + run.seconds["train"]
    return PeerRun(plan.iterations, run.epoch_seconds, seconds, rmse, run.peak_rss_bytes)


def peer_tasks(
    plan: Plan,
    record: Record,
    peers: list[tuple[ModulePeer, dict[str, Any]]],
    settings: Mapping[str, Any],
) -> dict[str, Callable[[], PeerRun]]:
    """Return the runs of those peers that can run here."""
    tasks = {}
    for peer, own in peers:
        reason = reason_to_skip(peer, plan.split, plan.threads)
        if reason:
            record.skipped[peer.name] = reason
        else:
            tasks[peer.name] = _bind(plan, peer, {**settings, **own})
    return tasks


def _bind(plan: Plan, peer: ModulePeer, settings: Mapping[str, Any]) -> Callable[[], PeerRun]:
    return lambda: peer.fit(
        plan.split, factors=plan.factors, threads=plan.threads, seed=0, settings=settings
    )


def factor_runs(plan: Plan, sizes: list[int], progress: Progress) -> dict[int, list[TrainRun]]:
    """Train with each number of factors, by each solver."""
    runs = {}
    for k in sizes:
        runs[k] = [
            fastmf(plan, "als", k, iterations=3, options=("--solver", solver))
            for solver in SOLVERS.values()
        ]
        told = zip(SOLVERS, runs[k], strict=True)
        progress.say(f"k={k}: " + ", ".join(f"{x} {run.epoch_seconds:.2f} s" for x, run in told))
    return runs


def thread_runs(
    plan: Plan, by_threads: tuple[int, ...], progress: Progress
) -> dict[str, list[TrainRun]]:
    """Train with each number of threads, in turn."""
    tasks = {
        str(threads): functools.partial(
            fastmf, plan, "als", plan.factors, iterations=plan.iterations, threads=threads
        )
        for threads in dict.fromkeys(by_threads)
    }
    return interleave(tasks, plan.rounds, progress)


def sgemm_peak(threads: int) -> float:
    """Return the multiplications with addition a second, in billions, of NumPy's sgemm."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    environment = dict.fromkeys(names, str(threads))
    return float(json.loads(run_command([sys.executable, "-c", SGEMM], env=environment).stdout))

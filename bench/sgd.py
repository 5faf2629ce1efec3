"""How fast biased matrix factorization by SGD is, against LIBMF and other libraries.

Three quantities, each as a ratio to LIBMF, taken round by round: epoch throughput, training time
to LIBMF's own validation RMSE, and the whole command from the file to the saved model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from bench.command import TrainRun, Workplace, common_options, data_options
from bench.dataset import Split, random_split
from bench.harness import Progress, Record, interleave
from bench.peers import Peer, PeerRun, installed_versions, python_peers, reason_to_skip
from bench.peers.libmf import Libmf, Timing, clipped_rmse, name_builds
from bench.sgd_tables import Measurements, add_results
from bench.source import count_rows, generate

ITERATIONS = 10
REGULARIZATIONS = (0.05, 0.1)
LARGE = 50_000_000

HELP = """Throughput, time to LIBMF's RMSE, and the whole command.

Compares fastmf with LIBMF (give one --libmf a build), and with Surprise and cmfrec where they are
installed. See docs/BENCHMARKS.md for the protocol.
"""


@dataclass(frozen=True)
class Target:
    """What one build of LIBMF reaches after its iterations, with its better regularization."""

    regularization: float
    rmse: float
    clipped_rmse: float


@dataclass
class Plan:
    """Everything the runs need to know."""

    workplace: Workplace
    split: Split
    builds: list[Libmf]
    peers: list[Peer]
    factors: int
    threads: tuple[int, ...]
    epochs: int
    repeats: int
    progress: Progress
    targets: dict[str, Target] = field(default_factory=dict)
    command_epochs: int = 0


@click.command("sgd", help=HELP)
@click.option(
    "--libmf",
    "libmf_programs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Path to LIBMF's mf-train; repeat it for several builds: the best one counts.",
)
@data_options(1_000_000)
@click.option("--factors", type=click.IntRange(min=1), default=50, show_default=True)
@click.option(
    "--threads", type=click.IntRange(min=1), multiple=True, default=(1, 2), show_default=True
)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=ITERATIONS,
    show_default=True,
    help="Epochs of fastmf at most; the timed runs use the fewest that reach LIBMF's RMSE.",
)
@click.option("--peers/--no-peers", default=True, help="Run Surprise and cmfrec.")
@common_options
def sgd(
    *,
    libmf_programs: tuple[Path, ...],
    ratings: int,
    data: Path | None,
    factors: int,
    threads: tuple[int, ...],
    repeats: int,
    epochs: int,
    peers: bool,
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
        "sgd",
        settings={
            "data": split.describe(),
            "factors": factors,
            "threads": list(threads),
            "epochs of fastmf at most": epochs,
            "iterations of LIBMF": ITERATIONS,
            "repeats": repeats,
        },
    )
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        plan = Plan(
            workplace=workplace,
            split=split,
            builds=_usable_builds(libmf_programs, record),
            peers=list(python_peers()) if peers else [],
            factors=factors,
            threads=threads,
            epochs=epochs,
            repeats=repeats,
            progress=progress,
        )
        record.packages = installed_versions(plan.peers)
        measurements = measure(plan, record)
    add_results(record, measurements)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def measure(plan: Plan, record: Record) -> Measurements:
    """Find the targets, run everything interleaved, then the slow peers once."""
    _warm_caches(plan.split)
    _find_targets(plan)
    _find_command_epochs(plan)
    runs = interleave(_tasks(plan), plan.repeats, plan.progress)
    return Measurements(
        n_train=plan.split.n_train,
        threads=plan.threads,
        builds=tuple(build.name for build in plan.builds),
        command_epochs=plan.command_epochs,
        regularizations={name: target.regularization for name, target in plan.targets.items()},
        targets={name: target.rmse for name, target in plan.targets.items()},
        clipped_targets={name: target.clipped_rmse for name, target in plan.targets.items()},
        runs=runs,
        peers=_run_peers(plan, record),
    )


def _usable_builds(programs: tuple[Path, ...], record: Record) -> list[Libmf]:
    if not programs:
        record.skipped["LIBMF"] = "no --libmf PATH-TO-mf-train was given"
    builds = []
    for build in name_builds(programs):
        reason = build.unavailable()
        if reason:
            record.skipped[f"LIBMF ({build.name})"] = reason
        else:
            builds.append(build)
            record.versions[f"LIBMF ({build.name})"] = build.version()
    return builds


def _warm_caches(split: Split) -> None:
    """Read every input once, so that nobody's first run pays for the disk."""
    for path in (split.train, split.valid, split.train_text, split.valid_text):
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass


def _find_targets(plan: Plan) -> None:
    """Give each build the better of two regularizations, by validation RMSE at the end."""
    threads = max(plan.threads)
    model = plan.workplace.path("libmf.model")
    for build in plan.builds:
        found = []
        for regularization in REGULARIZATIONS:
            timing = _libmf(plan, build, threads, regularization, validate=True)
            assert timing.rmse is not None
            found.append(Target(regularization, timing.rmse, clipped_rmse(model, plan.split)))
        plan.targets[build.name] = min(found, key=lambda target: target.rmse)
        plan.progress.say(f"{build.name}: {plan.targets[build.name]}")


def _find_command_epochs(plan: Plan) -> None:
    """Find the fewest epochs, set as --epochs, that end at or below every build's RMSE.

    This run is fastmf's warm-up too: it compiles, and prepares the store of the timed runs.
    """
    run = _fastmf(plan, max(plan.threads), plan.epochs)
    plan.command_epochs = plan.epochs
    if not plan.targets:
        return
    target = min(target.rmse for target in plan.targets.values())
    if run.epochs_to(target) is None:
        return
    # the learning rate depends on --epochs: only a whole run of so many proves it
    for epochs in range(plan.epochs - 1, 0, -1):
        final = _fastmf(plan, max(plan.threads), epochs).history[-1].valid_rmse
        if final is None or final > target:
            return
        plan.command_epochs = epochs


def _tasks(plan: Plan) -> dict[str, Callable[[], Any]]:
    tasks: dict[str, Callable[[], Any]] = {}
    for threads in plan.threads:
        tasks[f"fastmf, {threads} threads"] = _bind(_fastmf, plan, threads, plan.command_epochs)
        for build in plan.builds:
            best = plan.targets[build.name].regularization
            tasks[f"{build.name}, {threads} threads"] = _bind(_libmf, plan, build, threads, best)
        tasks[f"command first, {threads} threads"] = _bind(_command, plan, threads, True)
        tasks[f"command second, {threads} threads"] = _bind(_command, plan, threads, False)
    return tasks


def _bind(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: function(*arguments)


def _fastmf(plan: Plan, threads: int, epochs: int) -> TrainRun:
    return plan.workplace.fastmf.train(
        plan.split.train,
        plan.workplace.path("fastmf.model"),
        factors=plan.factors,
        threads=threads,
        epochs=epochs,
        valid=plan.split.valid,
    )


def _command(plan: Plan, threads: int, first: bool) -> TrainRun:
    """Run the whole command without validation, as LIBMF's; the first time its store is new."""
    stores = plan.workplace.path("cold-stores")
    if first:
        shutil.rmtree(stores, ignore_errors=True)
    return plan.workplace.fastmf.train(
        plan.split.train,
        plan.workplace.path("fastmf.model"),
        factors=plan.factors,
        threads=threads,
        epochs=plan.command_epochs,
        stores=stores,
    )


def _libmf(
    plan: Plan, build: Libmf, threads: int, regularization: float, validate: bool = False
) -> Timing:
    return build.train(
        plan.split,
        plan.workplace.path("libmf.model"),
        factors=plan.factors,
        threads=threads,
        iterations=ITERATIONS,
        regularization=regularization,
        validate=validate,
    )


def _run_peers(plan: Plan, record: Record) -> dict[str, PeerRun]:
    """Run each other peer once with each number of threads: most take minutes."""
    runs = {}
    for peer in plan.peers:
        for threads in plan.threads:
            name = f"{peer.name}, {threads} threads"
            reason = reason_to_skip(peer, plan.split, threads)
            if reason:
                record.skipped[name] = reason
                continue
            runs[name] = peer.fit(
                plan.split, factors=plan.factors, threads=threads, seed=0, settings=peer.grid[0]
            )
            plan.progress.say(f"{name}: {runs[name].train_seconds:.1f} s")
    return runs

"""Users folded into a trained model, beside a model that was trained on them."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.command import common_options, data_options
from bench.harness import Progress, Record, Table, spread
from bench.process import BenchError
from bench.source import batches, generate
from fastmf import Ratings, RunSettings
from fastmf.models import model_class

HANDFUL = 20
ROUNDS = 20
FIGURES = ("retrained", "folded", "grown", "unknown")


@dataclass(frozen=True)
class Parts:
    """Ratings as (users, items, values): of others, given by newcomers, and left to predict."""

    others: tuple[Any, Any, Any]
    given: tuple[Any, Any, Any]
    rest: tuple[Any, Any, Any]
    newcomers: int


def cut(source: Path, newcomers: int, fraction: float, seed: int) -> Parts:
    """Choose users at random and keep back a part of their ratings.

    Raises
    ------
    BenchError
        There are not more users than that.
    """
    table = pa.Table.from_batches(list(batches(source)))
    users, items, values = (column.combine_chunks() for column in table.columns)
    codes = users.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    n_users = int(codes.max()) + 1
    if newcomers >= n_users:
        raise BenchError(f"there are {n_users:,} users; hold out fewer than that")
    rng = np.random.default_rng(seed)
    held = np.zeros(n_users, bool)
    held[rng.choice(n_users, newcomers, replace=False)] = True
    mine = held[codes]
    rest = mine & (rng.random(len(codes)) < fraction)

    def rows(chosen: NDArray[np.bool_]) -> tuple[Any, Any, Any]:
        mask = pa.array(chosen)
        return users.filter(mask), items.filter(mask), values.to_numpy()[chosen]

    return Parts(rows(~mine), rows(mine & ~rest), rows(rest), newcomers)


@click.command("fold_in")
@data_options(1_000_000)
@click.option("--newcomers", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the newcomers' ratings that is predicted.",
)
@click.option(
    "--model",
    "kinds",
    type=click.Choice(["mf", "als"]),
    multiple=True,
    default=("mf", "als"),
    show_default=True,
)
@click.option("--factors", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@common_options
def fold_in(
    *,
    ratings: int,
    data: Path | None,
    newcomers: int,
    fraction: float,
    kinds: tuple[str, ...],
    factors: int,
    seeds: int,
    threads: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """RMSE and time of folding newcomers in, against training again with them."""
    progress = Progress(quiet=quiet)
    source = data or generate(cache, ratings, progress)
    os.environ.setdefault("FASTMF_CACHE_DIR", str(cache.resolve() / "stores"))
    record = Record(
        "fold_in",
        settings={
            "data": source.name,
            "newcomers": newcomers,
            "share predicted": fraction,
            "factors": factors,
            "seeds": seeds,
            "threads": threads,
        },
    )
    figures: dict[str, dict[str, list[float]]] = {}
    for seed in range(seeds):
        parts = cut(source, newcomers, fraction, seed)
        for kind in kinds:
            for name, value in _measure(kind, parts, factors, seed, threads).items():
                figures.setdefault(kind, {}).setdefault(name, []).append(value)
            shown = ", ".join(f"{name} {figures[kind][name][-1]:.4f}" for name in FIGURES)
            progress.say(f"{kind}, seed {seed}: {shown}")
    _report(record, figures)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def _measure(kind: str, parts: Parts, factors: int, seed: int, threads: int) -> dict[str, float]:
    """Train with and without the newcomers, fold them in, and time that."""
    run = RunSettings(num_threads=threads)
    make: Any = model_class(kind)
    users, items, values = parts.rest

    def rmse(model: Any) -> float:
        errors = model.predict(users, items).astype(np.float64) - values
        return float(np.sqrt(np.mean(errors * errors)))

    both = [
        np.concatenate(pair) if isinstance(pair[0], np.ndarray) else pa.concat_arrays(pair)
        for pair in zip(parts.others, parts.given, strict=True)
    ]
    begin = time.perf_counter()
    retrained = rmse(make(factors, random_state=seed).fit(Ratings.from_arrays(*both), run=run))
    training = time.perf_counter() - begin
    model = make(factors, random_state=seed).fit(Ratings.from_arrays(*parts.others), run=run)
    given = Ratings.from_arrays(*parts.given)
    person = parts.given[1][:HANDFUL], parts.given[2][:HANDFUL]
    folded = model.fold_in_users(given, run=run)  # compiles, the first time
    model.recommend_for(person, run=run)
    figures = {
        "retrained": retrained,
        "folded": rmse(folded),
        "unknown": rmse(model),
        "training_seconds": training,
        "bulk_ms_a_user": _milliseconds(lambda: model.fold_in_users(given, run=run))
        / parts.newcomers,
        "one_user_ms": _milliseconds(lambda: model.fold_in_users(person, run=run)),
        "one_recommendation_ms": _milliseconds(lambda: model.recommend_for(person, run=run)),
    }
    figures["grown"] = rmse(model.partial_fit(given, update="both", run=run))
    return figures


def _milliseconds(call: Callable[[], object]) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e3


def _report(record: Record, figures: dict[str, dict[str, list[float]]]) -> None:
    record.figures.update(figures)
    accuracy: list[tuple[str, ...]] = []
    speed: list[tuple[str, ...]] = []
    for kind, of_kind in figures.items():
        gaps = [
            folded - retrained
            for folded, retrained in zip(of_kind["folded"], of_kind["retrained"], strict=True)
        ]
        shown = [spread(of_kind[name]).show(4) for name in FIGURES]
        accuracy.append((kind, *shown, spread(gaps).show(4)))
        speed.append(
            (
                kind,
                spread(of_kind["bulk_ms_a_user"]).show(4),
                spread(of_kind["one_user_ms"]).show(1),
                spread(of_kind["one_recommendation_ms"]).show(1),
                spread(of_kind["training_seconds"]).show(1),
            )
        )
    names = ("model", *FIGURES, "folded less retrained")
    record.tables.append(Table("RMSE on the rest of the newcomers' ratings", names, accuracy))
    timed = ("model", "ms a user in bulk", "ms one user", "ms recommending", "s training again")
    record.tables.append(Table("Time", timed, speed))
    record.notes.append(
        "retrained: on everything but the rest; folded: users solved for the items of a model "
        "trained without them; grown: taken in by partial_fit, items moving too; unknown: what "
        "that model predicts for people it knows nothing of. One user has "
        f"{HANDFUL} ratings; times are medians of {ROUNDS} calls."
    )

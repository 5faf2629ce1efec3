"""How the time of an epoch grows with the number of factors, padded to whole vectors."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import click

from bench.command import TrainRun, Workplace, common_options, data_options
from bench.harness import Progress, Record, Spread, Table, interleave, pairwise_ratio, spread
from bench.source import count_rows, generate

LANES = 16
FACTORS = (8, 16, 32, 48, 50, 64, 96, 100, 128, 200, 256)


def padded(factors: int) -> int:
    """Return the floats of a row: factors, bias and a constant one in whole vectors of 16."""
    return -(-(factors + 2) // LANES) * LANES


@click.command("factors")
@data_options(1_000_000)
@click.option(
    "--factors",
    type=click.IntRange(min=1),
    multiple=True,
    default=FACTORS,
    show_default=True,
    help="A number of factors; repeat it.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--epochs", type=click.IntRange(min=2), default=4, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@common_options
def factors(
    *,
    ratings: int,
    data: Path | None,
    factors: tuple[int, ...],
    threads: int,
    epochs: int,
    repeats: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Epoch throughput for many numbers of factors."""
    progress = Progress(quiet=quiet)
    source = data or generate(cache, ratings, progress)
    n_ratings = count_rows(source)
    sizes = tuple(sorted(set(factors)))
    record = Record(
        "factors",
        settings={
            "data": f"{source.name}: {n_ratings:,} ratings",
            "threads": threads,
            "epochs": epochs,
            "repeats": repeats,
        },
    )
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        train = functools.partial(
            workplace.fastmf.train, source, workplace.path("model"), threads=threads
        )
        train(factors=sizes[0], epochs=1)  # compiles, and prepares the store
        tasks = {f"k={k}": functools.partial(train, factors=k, epochs=epochs) for k in sizes}
        runs = interleave(tasks, repeats, progress)
    add_results(record, n_ratings, {k: runs[f"k={k}"] for k in sizes})
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def growth(runs: dict[int, list[TrainRun]]) -> dict[int, Spread]:
    """Ratio of the time per float of a row to that of the next smaller number, round by round.

    At most 1: time grows no faster than the padded rows.
    """
    per_float = _seconds_per_float(runs)
    return {
        larger: pairwise_ratio(per_float[larger], per_float[smaller])
        for smaller, larger in itertools.pairwise(runs)
    }


def _seconds_per_float(runs: dict[int, list[TrainRun]]) -> dict[int, list[float]]:
    return {k: [run.epoch_seconds / padded(k) for run in of_k] for k, of_k in runs.items()}


def add_results(record: Record, n_ratings: int, runs: dict[int, list[TrainRun]]) -> None:
    """Put the table and the figures into the record."""
    grown, per_float = growth(runs), _seconds_per_float(runs)
    least = next(iter(runs))
    rows: list[tuple[str, ...]] = []
    for k, of_k in runs.items():
        millions = spread([n_ratings / run.epoch_seconds / 1e6 for run in of_k])
        nanoseconds = spread([run.epoch_seconds / n_ratings * 1e9 for run in of_k])
        record.figures[str(k)] = {
            "padded": padded(k),
            "million_ratings_per_second": millions.values,
            "nanoseconds_per_rating": nanoseconds.values,
            "growth": grown[k].values if k in grown else None,
        }
        rows.append(
            (
                str(k),
                str(padded(k)),
                millions.show(1),
                nanoseconds.show(2),
                f"{nanoseconds.median / padded(k):.4f}",
                grown[k].show(2) if k in grown else "",
                pairwise_ratio(per_float[k], per_float[least]).show(2) if k in grown else "",
            )
        )
    columns = (
        "factors",
        "floats of a row",
        "million ratings a second",
        "ns a rating",
        "ns a rating and float",
        "against the line above",
        f"against {least} factors",
    )
    record.tables.append(Table("Throughput by number of factors", columns, rows))
    record.notes.append(
        f"A row holds the factors, a bias and a constant one, padded to whole vectors of {LANES} "
        "floats. The last columns compare the time per float, round by round: at most 1 means "
        "that time grows no faster than the rows."
    )

"""The time of a rating by size and by threads, and a hash of the factors for each of them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from bench.command import TrainRun, Workplace, common_options, hash_of_factors
from bench.harness import Progress, Record, Table, interleave, pairwise_ratio, spread
from bench.source import generate

SIZES = (1_000_000, 10_000_000, 100_000_000)


@click.command("scaling")
@click.option(
    "--sizes",
    type=click.IntRange(min=1),
    multiple=True,
    default=SIZES,
    show_default=True,
    help="A number of generated ratings; repeat it.",
)
@click.option(
    "--ratings",
    type=click.IntRange(min=1),
    default=20_000_000,
    show_default=True,
    help="Generated ratings of the threads' table and of the hashes.",
)
@click.option("--factors", type=click.IntRange(min=1), default=50, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1, 2),
    show_default=True,
    help="Numbers of threads to time; the first is the base.",
)
@click.option(
    "--hash-threads",
    type=click.IntRange(min=1),
    multiple=True,
    default=(1, 2, 3, 8),
    show_default=True,
    help="Numbers of threads whose factors must be the same bits.",
)
@click.option("--epochs", type=click.IntRange(min=2), default=4, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@common_options
def scaling(
    *,
    sizes: tuple[int, ...],
    ratings: int,
    factors: int,
    threads: tuple[int, ...],
    hash_threads: tuple[int, ...],
    epochs: int,
    repeats: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Time a rating by size of the data, by threads, and a hash of all factors."""
    progress = Progress(quiet=quiet)
    sizes = tuple(sorted(set(sizes)))
    record = Record(
        "scaling",
        settings={
            "sizes": list(sizes),
            "ratings of the threads' table": ratings,
            "factors": factors,
            "epochs": epochs,
            "repeats": repeats,
        },
    )
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        sources = {size: generate(cache, size, progress) for size in {*sizes, ratings}}
        model = workplace.path("model")
        train = functools.partial(workplace.fastmf.train, out=model, factors=factors)
        for size, source in sorted(sources.items()):  # compiles, and prepares the stores
            progress.say(f"preparing {size:,} ratings")
            train(source, threads=max(threads), epochs=1)
        timed = functools.partial(train, epochs=epochs)
        by_size = interleave(
            {
                f"{size:,} ratings": functools.partial(timed, sources[size], threads=threads[0])
                for size in sizes
            },
            repeats,
            progress,
        )
        by_threads = interleave(
            {
                f"{count} threads": functools.partial(timed, sources[ratings], threads=count)
                for count in threads
            },
            repeats,
            progress,
        )
        hashes = {}
        for count in hash_threads:
            train(sources[ratings], threads=count, epochs=2)
            hashes[count] = hash_of_factors(model)
            progress.say(f"hash with {count} threads: {hashes[count][:16]}")
    _add_sizes(record, dict(zip(sizes, by_size.values(), strict=True)), threads[0])
    _add_threads(record, dict(zip(threads, by_threads.values(), strict=True)), ratings)
    _add_hashes(record, hashes)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())
    if len(set(hashes.values())) > 1:
        raise click.ClickException("the factors differ with the number of threads")


def _add_sizes(record: Record, runs: dict[int, list[TrainRun]], threads: int) -> None:
    nanoseconds = {
        size: [run.epoch_seconds / size * 1e9 for run in of_size] for size, of_size in runs.items()
    }
    base = next(iter(runs))
    rows: list[tuple[str, ...]] = []
    for size, values in nanoseconds.items():
        ratio = pairwise_ratio(values, nanoseconds[base])
        rows.append((f"{size:,}", spread(values).show(2), ratio.show(2)))
    columns = ("ratings", "ns a rating", f"against {base:,}")
    record.tables.append(Table(f"Time of a rating by size, {threads} threads", columns, rows))
    medians = [spread(values).median for values in nanoseconds.values()]
    record.figures["sizes"] = nanoseconds
    record.figures["largest_over_smallest"] = max(medians) / min(medians)
    record.notes.append(
        f"Longest over shortest time of a rating: {max(medians) / min(medians):.2f}."
    )


def _add_threads(record: Record, runs: dict[int, list[TrainRun]], ratings: int) -> None:
    seconds = {count: [run.epoch_seconds for run in of_count] for count, of_count in runs.items()}
    base = next(iter(runs))
    rows: list[tuple[str, ...]] = []
    figures: dict[str, Any] = {}
    for count, values in seconds.items():
        speedup = pairwise_ratio(seconds[base], values)
        millions = spread([ratings / value / 1e6 for value in values])
        figures[str(count)] = {"epoch_seconds": values, "speedup": speedup.values}
        rows.append((str(count), millions.show(1), speedup.show(2)))
    columns = ("threads", "million ratings a second", f"times {base} threads")
    record.tables.append(Table(f"Threads, {ratings:,} ratings", columns, rows))
    record.figures["threads"] = figures


def _add_hashes(record: Record, hashes: dict[int, str]) -> None:
    rows = [(str(count), value) for count, value in hashes.items()]
    same = len(set(hashes.values())) == 1
    title = "SHA-256 of the saved arrays: " + ("all equal" if same else "they DIFFER")
    record.tables.append(Table(title, ("threads", "hash"), list(rows)))
    record.figures["hashes"] = {str(count): value for count, value in hashes.items()}

"""What a memory cap costs in speed, and whether the factors stay the same bits."""

from __future__ import annotations

import functools
import os
import re
import shlex
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from bench.command import TrainRun, Workplace, common_options, data_options, hash_of_factors
from bench.harness import Progress, Record, Table, interleave, pairwise_ratio, spread
from bench.source import count_rows, generate

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
READ_BYTES = 1 << 23
# Five words of four bytes hold up to four ratings in the grid: at least this much is read.
BYTES_A_RATING = 5

UNDER_HELP = """A command that enforces a cap on what it runs; {bytes} stands for the cap, e.g.
'python -m bench.capped {bytes}'. Without it the cap is only asked for, and the peak measured."""


def parse_size(text: str) -> int:
    """Read a size such as ``1GiB`` or ``512MiB`` in bytes.

    Raises
    ------
    click.BadParameter
        It is no such size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(KiB|MiB|GiB)", text)
    if not match:
        raise click.BadParameter(f"{text!r}: write 1GiB or 512MiB", param_hint="--cap")
    return int(float(match[1]) * UNITS[match[2]])


def evict(paths: Iterable[Path]) -> None:
    """Drop files from the page cache, so that a capped run reads them from the disk.

    A page that is in memory on another's account is free of charge to a memory cgroup.
    """
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk_rate(path: Path) -> float:
    """Bytes a second at which the disk gives this file, read once from end to end."""
    evict([path])
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(READ_BYTES):
            pass
    return path.stat().st_size / (time.perf_counter() - start)


@click.command("memory")
@data_options(100_480_507)
@click.option("--cap", "caps", multiple=True, default=("1GiB", "2GiB"), show_default=True)
@click.option("--under", default="", help=UNDER_HELP)
@click.option("--factors", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--epochs", type=click.IntRange(min=2), default=3, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@common_options
def memory(
    *,
    ratings: int,
    data: Path | None,
    caps: tuple[str, ...],
    under: str,
    factors: int,
    threads: int,
    epochs: int,
    repeats: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Training under `--max-memory` against training without it."""
    progress = Progress(quiet=quiet)
    sizes = {cap: parse_size(cap) for cap in caps}
    source = data or generate(cache, ratings, progress)
    n_ratings = count_rows(source)
    record = Record(
        "memory",
        settings={
            "data": f"{source.name}: {n_ratings:,} ratings",
            "factors": factors,
            "threads": threads,
            "epochs": epochs,
            "repeats": repeats,
            "caps enforced by": shlex.split(under)[0] if under else "nothing: peaks are measured",
        },
    )
    hashes: dict[str, set[str]] = {}
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        stores, model = workplace.path("stores"), workplace.path("model")
        train = functools.partial(
            workplace.fastmf.train,
            source,
            model,
            factors=factors,
            threads=threads,
            epochs=epochs,
            stores=stores,
        )

        def run(
            name: str, *, options: tuple[str, ...] = (), prefix: tuple[str, ...] = ()
        ) -> TrainRun:
            evict([source, *(path for path in stores.rglob("*") if path.is_file())])
            finished = train(options=options, prefix=prefix)
            hashes.setdefault(name, set()).add(hash_of_factors(model))
            return finished

        tasks: dict[str, Callable[[], TrainRun]] = {"uncapped": functools.partial(run, "uncapped")}
        for cap, size in sizes.items():
            prefix = tuple(part.replace("{bytes}", str(size)) for part in shlex.split(under))
            tasks[cap] = functools.partial(run, cap, options=("--max-memory", cap), prefix=prefix)
        run("uncapped")  # compiles
        runs = interleave(tasks, repeats, progress)
        rate = disk_rate(source)
    add_results(record, runs, hashes, rate, n_ratings)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())
    if len(set().union(*hashes.values())) > 1:
        raise click.ClickException("the factors differ between capped and uncapped runs")


def add_results(
    record: Record,
    runs: dict[str, list[TrainRun]],
    hashes: dict[str, set[str]],
    rate: float,
    n_ratings: int,
) -> None:
    """Put the table, the figures and the bound of the disk into the record."""
    uncapped = [run.epoch_seconds for run in runs["uncapped"]]
    grid_bytes = BYTES_A_RATING * n_ratings
    disk = grid_bytes / rate
    bound = [max(seconds, disk) for seconds in uncapped]
    rows: list[tuple[str, ...]] = []
    for name, of_name in runs.items():
        seconds = [run.epoch_seconds for run in of_name]
        rows.append(
            (
                name,
                spread(seconds).show(2),
                pairwise_ratio(uncapped, seconds).show(2),
                pairwise_ratio(seconds, bound).show(2),
                f"{max(run.peak_rss_bytes for run in of_name) / 2**20:,.0f}",
                ", ".join(sorted(value[:16] for value in hashes[name])),
            )
        )
        record.figures[name] = {
            "epoch_seconds": seconds,
            "peak_rss_bytes": [run.peak_rss_bytes for run in of_name],
            "wall_seconds": [run.wall_seconds for run in of_name],
            "hashes": sorted(hashes[name]),
        }
    record.figures["disk_bytes_per_second"] = rate
    record.figures["grid_bytes"] = grid_bytes
    columns = (
        "cap",
        "epoch, s",
        "throughput of uncapped",
        "epoch against the longer of uncapped and disk",
        "peak RSS, MiB",
        "hash of factors",
    )
    record.tables.append(Table("Training under a memory cap", columns, rows))
    record.notes.append(
        f"The disk gave {rate / 1e6:,.0f} MB/s in this run: {disk:.2f} s to read a grid of "
        f"{grid_bytes / 1e6:,.0f} MB once. Before each run all files are dropped from the page "
        "cache. Peak RSS counts mapped pages of files too."
    )

"""What the first train of a new installation costs, and what the second process costs."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from bench.command import TrainRun, Workplace, common_options, data_options
from bench.harness import Progress, Record, Table, interleave, spread
from bench.source import count_rows, generate

PHASES = ("read", "prepare", "compile", "train")


def before_first_epoch(run: TrainRun) -> float:
    """Seconds of the whole process that are not training: import, read, layout, compile, save."""
    return run.wall_seconds - run.seconds["train"]


@click.command("startup")
@data_options(1_000_000)
@click.option("--factors", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@common_options
def startup(
    *,
    ratings: int,
    data: Path | None,
    factors: int,
    threads: int,
    repeats: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """First train with empty caches, and the next one after it."""
    progress = Progress(quiet=quiet)
    source = data or generate(cache, ratings, progress)
    record = Record(
        "startup",
        settings={
            "data": f"{source.name}: {count_rows(source):,} ratings",
            "factors": factors,
            "threads": threads,
            "repeats": repeats,
        },
    )
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        stores, compiled = workplace.path("stores"), workplace.path("compiled")

        def second() -> TrainRun:
            return workplace.fastmf.train(
                source,
                workplace.path("model"),
                factors=factors,
                threads=threads,
                epochs=1,
                stores=stores,
                compiled=compiled,
            )

        def first() -> TrainRun:
            shutil.rmtree(stores, ignore_errors=True)
            shutil.rmtree(compiled, ignore_errors=True)
            return second()

        runs = interleave({"first": first, "second": second}, repeats, progress)
    rows: list[tuple[str, ...]] = []
    for name, of_name in runs.items():
        columns = {phase: [run.seconds[phase] for run in of_name] for phase in PHASES}
        columns["all but training"] = [before_first_epoch(run) for run in of_name]
        columns["wall"] = [run.wall_seconds for run in of_name]
        record.figures[name] = columns
        rows.append((name, *(spread(values).show(2) for values in columns.values())))
    headings = ("process", *PHASES, "all but training", "wall")
    record.tables.append(Table("First and second process, one epoch, seconds", headings, rows))
    record.notes.append(
        "First: no store and no compiled code. All but training: Python's start, imports, read, "
        "layout, loading or making compiled code, and saving the model."
    )
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())

"""Ratings into a ready store: speed against Arrow's readers, memory, reopening, kills."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from bench.command import Workplace, common_options
from bench.harness import Progress, Record, Table, interleave, pairwise_ratio, spread
from bench.ingest_children import Run, Runner
from bench.ingest_kills import add_kills
from bench.ingest_sources import raw_ratings, string_ratings
from bench.memory import parse_size
from bench.process import BenchError

# What each case reads.
LAYOUTS = {
    "text": ("netflix", "csv"),
    "parquet": ("parquet",),
    "reopen": ("netflix",),
    "memory": ("netflix", "parquet"),
}
CASES = tuple(LAYOUTS)
WARM_UP_RATINGS = 20_000
MEGABYTE = 1e6
# Of the table of results, in its order: name, reader, file.
PEERS = {
    "text": ("csv-table", "csv-stream"),
    "parquet": ("parquet-table", "parquet-batches"),
}
NAMES = {
    "store": "fastmf, to a ready store",
    "csv-table": "pyarrow.csv.read_csv",
    "csv-stream": "pyarrow.csv.open_csv",
    "parquet-table": "pyarrow.parquet.read_table",
    "parquet-batches": "ParquetFile.iter_batches",
}


@click.command("ingest")
@click.option("--ratings", type=click.IntRange(min=1000), default=100_480_507, show_default=True)
@click.option("--case", "cases", type=click.Choice(CASES), multiple=True, default=CASES)
@click.option("--strings", is_flag=True, help="Also ten ratings each of many users named by text.")
@click.option("--kills", type=click.IntRange(min=0), default=0, help="Also that many kill -9.")
@click.option("--kill-ratings", type=click.IntRange(min=1000), default=2_000_000, show_default=True)
@click.option("--cap", default="1GiB", show_default=True, help="RLIMIT_DATA of the case memory.")
@click.option("--strings-cap", default="4GiB", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@common_options
def ingest(
    *,
    ratings: int,
    cases: Sequence[str],
    strings: bool,
    kills: int,
    kill_ratings: int,
    cap: str,
    strings_cap: str,
    threads: int,
    repeats: int,
    fastmf_command: str,
    cache: Path,
    out: Path,
    quiet: bool,
) -> None:
    """Read ratings into a store, against Arrow's readers of the same values."""
    progress = Progress(quiet=quiet)
    record = Record("ingest", settings={"ratings": ratings, "threads": threads, "repeats": repeats})
    with Workplace(fastmf_command, cache) as workplace:
        record.versions.update(workplace.versions())
        runner = Runner(workplace.path("stores"), workplace.cache / "compiled", threads)
        layouts = dict.fromkeys(layout for case in cases for layout in LAYOUTS[case])
        sources = {layout: raw_ratings(cache, ratings, layout, progress) for layout in layouts}
        for layout in ("netflix", "parquet"):  # compiles
            runner.cold("store", raw_ratings(cache, WARM_UP_RATINGS, layout, progress))
        for case in ("text", "parquet"):
            if case in cases:
                files = [sources[layout] for layout in LAYOUTS[case]]
                _add_speed(record, runner, case, files[0], files[-1], repeats, progress)
        if "reopen" in cases:
            _add_reopening(record, runner, sources["netflix"], repeats, progress)
        if "memory" in cases:
            _add_memory(record, runner, sources, cap, progress)
        if strings:
            source = string_ratings(cache, ratings, progress)
            _add_strings(record, runner, source, strings_cap, progress)
        if kills:
            source = raw_ratings(cache, kill_ratings, "netflix", progress)
            add_kills(record, runner, workplace.fastmf.command, source, kills, progress)
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())


def _add_speed(
    record: Record,
    runner: Runner,
    case: str,
    source: Path,
    peer_file: Path,
    repeats: int,
    progress: Progress,
) -> None:
    """Time reading into a store against the readers of Arrow, run in turns."""
    files = {"store": source, **dict.fromkeys(PEERS[case], peer_file)}
    for file in set(files.values()):
        _warm(file)
    tasks: dict[str, Callable[[], Run]] = {
        NAMES[what]: functools.partial(runner.cold, what, file) for what, file in files.items()
    }
    runs = interleave(tasks, repeats, progress)
    if len({run.rows for of_name in runs.values() for run in of_name}) > 1:
        raise BenchError(f"the readers of {case} found different numbers of rows")
    own = [run.seconds for run in runs[NAMES["store"]]]
    rows: list[tuple[str, ...]] = []
    figures: dict[str, object] = {}
    for what, file in files.items():
        seconds = [run.seconds for run in runs[NAMES[what]]]
        rates = [file.stat().st_size / MEGABYTE / value for value in seconds]
        own_rates = [source.stat().st_size / MEGABYTE / value for value in own]
        rows.append(
            (
                NAMES[what],
                file.name,
                f"{file.stat().st_size / MEGABYTE:,.0f}",
                spread(seconds).show(2),
                spread([run.wall_seconds for run in runs[NAMES[what]]]).show(2),
                spread(rates).show(0),
                pairwise_ratio(own_rates, rates).show(2),
                pairwise_ratio(own, seconds).show(2),
            )
        )
        figures[what] = {"file_bytes": file.stat().st_size, "seconds": seconds}
        figures[what]["wall_seconds"] = [run.wall_seconds for run in runs[NAMES[what]]]  # type: ignore[index]
    record.figures[case] = figures
    title = "Netflix text against flat CSV" if case == "text" else "The same Parquet file"
    columns = (
        *("reader", "file", "MB", "seconds", "process, s", "MB/s"),
        *("fastmf's MB/s by this", "fastmf's time by this"),
    )
    record.tables.append(Table(title, columns, rows))
    record.notes.append(
        f"{title}: all files are in the page cache. Seconds are of the call alone, in a fresh "
        "process, imports excluded; those of the process are from its start to its end. The store "
        "holds dense ids, both vocabularies, ratings and dates, with duplicates looked for; "
        "Arrow's readers convert the same columns and keep no ids. Ratios are of bytes a second "
        "of each one's own file, or of seconds, round by round."
    )


def _warm(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 23):
            pass


def _add_reopening(
    record: Record, runner: Runner, source: Path, repeats: int, progress: Progress
) -> None:
    """Time opening a store that is there, in fresh processes."""
    runner.cold("store", source)
    store = runner.store()
    tasks = {
        "open_store(STORE)": functools.partial(runner.run, "open", store),
        "read_ratings(SOURCE)": functools.partial(runner.run, "store", source),
    }
    runs = interleave(tasks, max(repeats, 3), progress)
    n_ratings = runs["open_store(STORE)"][0].rows
    n_bytes = sum(file.stat().st_size for file in store.iterdir())
    rows: list[tuple[str, ...]] = []
    for name, of_name in runs.items():
        milliseconds = [run.seconds * 1e3 for run in of_name]
        rows.append((name, spread(milliseconds).show(1)))
        record.figures[f"reopen {name}"] = [run.seconds for run in of_name]
    record.figures["store_bytes"] = n_bytes
    record.tables.append(Table("Reopening", ("call", "milliseconds"), rows))
    record.notes.append(
        f"Reopening: the one call, in a fresh process after its imports; read_ratings also finds "
        f"out that the source has not changed. The store takes {n_bytes / MEGABYTE:,.0f} MB, "
        f"{n_bytes / n_ratings:.2f} bytes a rating with times and vocabularies."
    )


def _add_memory(
    record: Record, runner: Runner, sources: dict[str, Path], cap: str, progress: Progress
) -> None:
    """Read under a limit of memory, and compare the ratings with those read without."""
    rows: list[tuple[str, ...]] = []
    for name in LAYOUTS["memory"]:
        free = runner.cold("store", sources[name], "--checksum", "--watch-memory")
        progress.say(f"{name}: peak {free.peak_anonymous_bytes / 2**20:,.0f} MiB without a limit")
        limit = ("--data-limit", str(parse_size(cap)), "--checksum", "--watch-memory")
        try:
            capped = runner.cold("store", sources[name], *limit)
            outcome = "same bits" if capped.checksum == free.checksum else "OTHER BITS"
            peak = f"{capped.peak_anonymous_bytes / 2**20:,.0f}"
        except BenchError as error:
            outcome, peak = str(error), "-"
        rows.append((name, f"{free.peak_anonymous_bytes / 2**20:,.0f}", cap, peak, outcome))
        record.figures[f"memory {name}"] = {
            "peak_anonymous_bytes": free.peak_anonymous_bytes,
            "outcome": outcome,
        }
    columns = ("source", "peak, MiB", "RLIMIT_DATA", "peak under it, MiB", "outcome")
    record.tables.append(Table("Anonymous memory", columns, rows))
    record.notes.append(
        "Anonymous memory: RssAnon, looked at every 5 ms, of the whole process. RLIMIT_DATA makes "
        "the system refuse private writable memory beyond it, reserved or touched."
    )


def _add_strings(
    record: Record, runner: Runner, source: Path, cap: str, progress: Progress
) -> None:
    """Read ids that are text under a limit of memory."""
    options = ("--data-limit", str(parse_size(cap)), "--watch-memory")
    run = runner.cold("store", source, *options)
    progress.say(f"string ids: {run.seconds:.1f} s")
    peak = f"{run.peak_anonymous_bytes / 2**20:,.0f}"
    row = (source.name, f"{run.rows:,}", f"{run.seconds:.1f}", peak, cap)
    columns = ("file", "ratings", "seconds", "peak, MiB", "RLIMIT_DATA")
    record.tables.append(Table("String ids", columns, [row]))
    record.figures["strings"] = {
        "rows": run.rows,
        "seconds": run.seconds,
        "peak_anonymous_bytes": run.peak_anonymous_bytes,
    }

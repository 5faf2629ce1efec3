"""One measured run in a process of its own: ``python -m bench.ingest_runs WHAT PATH``.

Prints one JSON object. Only what the task itself does is timed, imports are not; the first call of
each compiled function loads it from Numba's cache, and that is in the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

SAMPLE_SECONDS = 0.005
BATCH_ROWS = 1 << 20
TYPES = {"user_id": pa.int32(), "item_id": pa.int32(), "rating": pa.int8(), "date": pa.date32()}


class AnonymousPeak:
    """Watches this process's anonymous memory (``RssAnon``) from a thread, every few milliseconds.

    Pages of mapped files are not in it: the system takes those back whenever it likes.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> AnonymousPeak:
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._sample()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        with contextlib.suppress(OSError):  # no /proc: the peak stays 0, which the table leaves out
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("RssAnon:"):
                    self.peak_bytes = max(self.peak_bytes, int(line.split()[1]) * 1024)


def limit_data(n_bytes: int) -> None:
    """Have the system refuse this process more private writable memory than that.

    ``RLIMIT_DATA`` counts what is reserved, touched or not, stacks of threads included; on Linux
    since 4.7. Mapped files that are shared are not in it.
    """
    import resource  # noqa: PLC0415 - not on Windows

    resource.setrlimit(resource.RLIMIT_DATA, (n_bytes, n_bytes))


def checksum(ratings: Any) -> str:
    """BLAKE2b over all ratings, times and ids, whatever layout the store keeps them in."""
    digest = hashlib.blake2b(digest_size=16)
    for start, stop in ratings.ranges():
        for column in ratings.chunk(start, stop):
            digest.update(column.tobytes())
        times = ratings.times(start, stop)
        if times is not None:
            digest.update(times.tobytes())
    for ids in (ratings.users.ids, ratings.items.ids):
        for start in range(0, len(ids), BATCH_ROWS):
            digest.update("\n".join(map(str, ids.slice(start, BATCH_ROWS).to_pylist())).encode())
    return digest.hexdigest()


def read_store(path: Path, threads: int) -> Callable[[], Any]:
    """Read ratings into a store, or open the one that is there; `FASTMF_CACHE_DIR` says where."""
    from fastmf.data import read_ratings  # noqa: PLC0415 - after the limit is set
    from fastmf.data.readers.netflix import NETFLIX  # noqa: F401, PLC0415 - imported, not timed

    return lambda: read_ratings(path, num_threads=threads)


def open_ready(path: Path, threads: int) -> Callable[[], Any]:
    """Open the store at a path."""
    from fastmf.data.store import open_store  # noqa: PLC0415 - after the limit is set

    return lambda: open_store(path)


def _csv_options() -> dict[str, Any]:
    return {
        "read_options": pacsv.ReadOptions(use_threads=True),
        "convert_options": pacsv.ConvertOptions(column_types=TYPES),
    }


def csv_table(path: Path, threads: int) -> Callable[[], Any]:
    """Read CSV whole, on all threads."""
    return lambda: pacsv.read_csv(path, **_csv_options())


class Counted:
    """Rows that were read and let go."""

    def __init__(self, batches: Any) -> None:
        self._n_rows: int = sum(batch.num_rows for batch in batches)

    def __len__(self) -> int:
        return self._n_rows


def csv_stream(path: Path, threads: int) -> Callable[[], Any]:
    """Read CSV in batches, which Arrow parses on one thread and reads ahead on another."""
    return lambda: Counted(pacsv.open_csv(path, **_csv_options()))


def parquet_table(path: Path, threads: int) -> Callable[[], Any]:
    """Read Parquet whole, on all threads."""
    return lambda: pq.read_table(path)


def parquet_batches(path: Path, threads: int) -> Callable[[], Any]:
    """Read Parquet in batches, the columns of each at the same time."""
    return lambda: Counted(pq.ParquetFile(path).iter_batches(BATCH_ROWS, use_threads=True))


RUNS = {
    "store": read_store,
    "open": open_ready,
    "csv-table": csv_table,
    "csv-stream": csv_stream,
    "parquet-table": parquet_table,
    "parquet-batches": parquet_batches,
}


@click.command()
@click.argument("what", type=click.Choice(tuple(RUNS)))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--threads", type=click.IntRange(min=1), default=2)
@click.option("--data-limit", type=int, help="Bytes of RLIMIT_DATA.")
@click.option("--checksum", "with_checksum", is_flag=True, help="Checksum of the ratings.")
@click.option("--watch-memory", is_flag=True, help="Peak of anonymous memory.")
def main(
    what: str,
    path: Path,
    threads: int,
    data_limit: int | None,
    with_checksum: bool,
    watch_memory: bool,
) -> None:
    """Run WHAT on PATH."""
    pa.set_cpu_count(threads)
    if data_limit is not None:
        limit_data(data_limit)
    task = RUNS[what](path, threads)
    watch = AnonymousPeak()
    with watch if watch_memory else contextlib.nullcontext():
        start = time.perf_counter()
        result = task()
        seconds = time.perf_counter() - start
    report = {
        "seconds": seconds,
        "rows": len(result),
        "peak_anonymous_bytes": watch.peak_bytes,
        "checksum": checksum(result) if with_checksum else None,
        "notes": list(getattr(result, "notes", ())),
    }
    click.echo(json.dumps(report))


if __name__ == "__main__":
    main()

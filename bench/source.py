"""Where the ratings of a bench come from: generated, or a file; read in bounded memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from bench.harness import Progress
from bench.process import BenchError, run_command

BATCH_ROWS = 1 << 20
NAMES = ("user_id", "item_id", "rating")


def default_cache() -> Path:
    """Return the folder for generated data and splits: ``$XDG_CACHE_HOME/fastmf-bench``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastmf-bench"


def generate(
    cache: Path,
    n_ratings: int,
    progress: Progress,
    *,
    users: int | None = None,
    items: int | None = None,
) -> Path:
    """Return a generated Parquet file of this many ratings, made where it is not there yet.

    Parameters
    ----------
    cache : Path
        Folder that keeps it.
    n_ratings : int
    progress : Progress
    users, items : int, optional
        Default as many as the generator takes for so many ratings.
    """
    shape = {"users": users, "items": items}
    asked = [(name, str(count)) for name, count in shape.items() if count is not None]
    suffix = "".join(f"-{count}-{name}" for name, count in asked)
    path = cache / f"synthetic-{n_ratings}{suffix}.parquet"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    progress.say(f"generating {n_ratings:,} ratings")
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    command = [sys.executable, "-m", "data_tools.synthetic", str(partial)]
    command += [word for name, count in asked for word in (f"--{name}", count)]
    root = str(Path(__file__).parent.parent)
    search_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    try:
        finished = run_command(
            [*command, "--ratings", str(n_ratings), "--json"], env={"PYTHONPATH": search_path}
        )
        path.with_suffix(".json").write_text(finished.stdout, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def count_rows(source: Path) -> int:
    """Count the ratings of a file: Parquet says it at its end, text is read through."""
    if source.suffix == ".parquet":
        try:
            return int(pq.read_metadata(source).num_rows)
        except (OSError, pa.ArrowException) as error:
            raise BenchError(f"cannot read {source}: {error}") from None
    return sum(batch.num_rows for batch in batches(source))


def identity(source: Path) -> dict[str, Any]:
    """Path, size and time of change of a file: what tells a changed file.

    Raises
    ------
    BenchError
        There is no such file.
    """
    try:
        status = source.stat()
    except OSError as error:
        raise BenchError(f"cannot read {source}: {error.strerror}") from None
    return {
        "path": str(source.resolve()),
        "bytes": status.st_size,
        "modified": status.st_mtime_ns,
    }


def batches(source: Path) -> Iterator[pa.RecordBatch]:
    """Yield user, item and float32 rating, in file order, a bounded number of rows at a time."""
    try:
        if source.suffix == ".parquet":
            file = pq.ParquetFile(source)
            columns = file.schema_arrow.names[:3]
            stream = file.iter_batches(batch_size=BATCH_ROWS, columns=columns)
        else:
            with source.open(encoding="utf-8") as lines:
                first = lines.readline()
            delimiter = "\t" if "\t" in first else ","
            # a header has no number where the rating stands
            fields = first.rstrip("\n").split(delimiter)
            has_header = len(fields) < 3 or not _is_number(fields[2])
            stream = pyarrow.csv.open_csv(
                source,
                read_options=pyarrow.csv.ReadOptions(autogenerate_column_names=not has_header),
                parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
            )
        for batch in stream:
            user, item, rating = batch.columns[:3]
            yield pa.record_batch([user, item, pc.cast(rating, pa.float32())], names=list(NAMES))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BenchError(f"cannot read {source}: {error}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

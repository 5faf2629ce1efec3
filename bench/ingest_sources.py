"""The files that the ingest bench reads: the same generated ratings in several layouts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.harness import Progress
from bench.process import run_command
from bench.source import generate

RATINGS_A_USER = 10
ITEMS = 17_770
ROWS_A_GROUP = 1 << 20
ENDINGS = {"netflix": ".txt", "csv": ".csv"}


def raw_ratings(cache: Path, n_ratings: int, layout: str, progress: Progress) -> Path:
    """Return a generated file of a layout, made where it is not there yet.

    Netflix text and CSV have the same rows in the same order, item by item; Parquet has them
    shuffled.
    """
    if layout == "parquet":
        return generate(cache, n_ratings, progress)
    path = cache / f"synthetic-{layout}-{n_ratings}{ENDINGS[layout]}"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    progress.say(f"generating {n_ratings:,} ratings as {layout}")
    root = str(Path(__file__).parent.parent)
    search_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "data_tools.synthetic", str(path), "--layout", layout]
    run_command(
        [*command, "--order", "item", "--ratings", str(n_ratings), "--quiet"],
        env={"PYTHONPATH": search_path},
    )
    return path


def string_ratings(cache: Path, n_ratings: int, progress: Progress) -> Path:
    """Return Parquet whose users are text, ten ratings each; made where it is not there yet.

    Users come in another pseudo-random order in each round, so that every stretch of the file
    holds new ones or finds old ones all over the table.
    """
    n_users = max(n_ratings // RATINGS_A_USER, 2)
    path = cache / f"strings-{n_ratings}.parquet"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    progress.say(f"generating {n_ratings:,} ratings of {n_users:,} users named by text")
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    schema = pa.schema([("user", pa.string()), ("item", pa.int32()), ("rating", pa.int8())])
    try:
        with pq.ParquetWriter(partial, schema, use_dictionary=["item", "rating"]) as writer:
            for start in range(0, n_ratings, ROWS_A_GROUP):
                stop = min(start + ROWS_A_GROUP, n_ratings)
                writer.write_batch(_string_rows(start, stop, n_users, schema), ROWS_A_GROUP)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _string_rows(start: int, stop: int, n_users: int, schema: pa.Schema) -> pa.RecordBatch:
    """Make rows: user after user in steps that meet all of them, a round after the other."""
    row = np.arange(start, stop, dtype=np.int64)
    round_number, place = row // n_users, row % n_users
    step = _step_of(n_users)
    user = (place * step + round_number * 7919) % n_users
    item = (user * 31 + round_number * (ITEMS // (RATINGS_A_USER + 1))) % ITEMS + 1
    names = pc.binary_join_element_wise("user", pc.cast(pa.array(user), pa.string()), "-")
    rating = (user + item) % 5 + 1
    columns = [names, pa.array(item.astype(np.int32)), pa.array(rating.astype(np.int8))]
    return pa.record_batch(columns, schema=schema)


def _step_of(n_users: int) -> int:
    """Return a number without common divisors with the number of users, about .618 of it."""
    step = int(n_users * 0.618) | 1
    while np.gcd(step, n_users) != 1:
        step += 2
    return step

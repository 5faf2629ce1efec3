"""Files of Arrow columns to read."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from bench.fuzzing.cases import Case, Row, cut_short, damaged, make_rows


def table_of(rows: list[Row]) -> pa.Table:
    """Return rows as an Arrow table, ids as integers where they are."""
    whole = all(row.user.isdigit() and row.item.isdigit() for row in rows)
    kind = int if whole else str
    return pa.table(
        {
            "user": [kind(row.user) for row in rows],
            "item": [kind(row.item) for row in rows],
            "rating": [row.rating for row in rows],
            "timestamp": [row.time for row in rows],
        }
    )


def parquet_bytes(table: pa.Table, rng: np.random.Generator) -> bytes:
    """Write Parquet, sometimes with checksums of its pages."""
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        row_group_size=int(rng.integers(1, 20)),
        compression=str(rng.choice(["none", "snappy", "zstd"])),
        use_dictionary=bool(rng.random() < 0.5),
        write_page_checksum=bool(rng.random() < 0.5),
    )
    return sink.getvalue()


def ipc_bytes(new: Callable[..., pa.RecordBatchWriter], table: pa.Table, size: int) -> bytes:
    """Write an Arrow file or stream in batches of a size."""
    sink = io.BytesIO()
    with new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=size)
    return sink.getvalue()


def feather_bytes(table: pa.Table, rng: np.random.Generator) -> bytes:
    """Write Feather, compressed or not."""
    sink = io.BytesIO()
    compression = str(rng.choice(["lz4", "zstd", "uncompressed"]))
    feather.write_feather(table, sink, compression=compression)
    return sink.getvalue()


def with_nulls(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, int]:
    """Put rows without an id or a rating behind the first two."""
    rows = table.slice(0, int(rng.integers(1, 4)))
    column = table.schema[int(rng.integers(3))]
    nulls = pa.nulls(rows.num_rows, column.type)
    rows = rows.set_column(table.schema.get_field_index(column.name), column, nulls)
    return pa.concat_tables([table.slice(0, 2), rows, table.slice(2)]), rows.num_rows


def columnar_case(reader: str, rng: np.random.Generator) -> Case:
    """Make a file of Arrow columns: with missing values, or damaged, or as it is."""
    rows = make_rows(rng, text_ids=True)
    table = table_of(rows)
    n_bad = 0
    sound = rng.random() < 0.25
    if sound and rng.random() < 0.6:
        table, n_bad = with_nulls(table, rng)
    size = int(rng.integers(1, 20))
    write: dict[str, Callable[[], bytes]] = {
        "parquet": partial(parquet_bytes, table, rng),
        "arrow": partial(ipc_bytes, pa.ipc.new_file, table, size),
        "stream": partial(ipc_bytes, pa.ipc.new_stream, table, size),
        "feather": partial(feather_bytes, table, rng),
    }
    name, data = f"ratings.{reader}", write[reader]()
    if sound:
        return Case({name: data}, name, f"{n_bad} bad rows", rows, n_bad)
    if rng.random() < 0.15:
        data, what = cut_short(data, rng)
        return Case({name: data}, name, what, whole=rows)
    data, what = damaged(data, rng)
    return Case({name: data}, name, what)

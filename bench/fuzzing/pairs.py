"""Files of pairs without ratings: lists of the Netflix Prize, and tables of two columns or more."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from bench.fuzzing.cases import Case, Row, damaged, make_rows
from bench.fuzzing.columnar import feather_bytes, ipc_bytes, parquet_bytes, table_of
from bench.fuzzing.text import netflix_lines

SEPARATORS = {"csv": ",", "tsv": "\t", "dat": "::", "txt": " "}


def list_case(rng: np.random.Generator) -> Case:
    """Make a list of users under their movies, as probe.txt, or with dates, as qualifying.txt."""
    drawn = make_rows(rng, text_ids=False)
    rows = sorted(drawn, key=lambda row: int(row.item))
    dated = bool(rng.random() < 0.5)
    lines, _ = netflix_lines(rows, "{user},{date}" if dated else "{user}")
    name = "qualifying.txt" if dated else "probe.txt"
    data = "\n".join(lines).encode() + b"\n"
    if rng.random() < 0.25:
        data = data.replace(b"\n", b"\r\n") if rng.random() < 0.5 else data
        data = data.rstrip(b"\r\n") if rng.random() < 0.5 else data
        return Case({name: data}, name, "line ends", rows, pairs="list")
    data, what = damaged(data, rng)
    return Case({name: data}, name, what, pairs="list")


def table_case(rng: np.random.Generator) -> Case:
    """Make a table of pairs, with or without ratings beside them: text, Parquet or Arrow."""
    rows = make_rows(rng, text_ids=True)
    kind = str(rng.choice([*SEPARATORS, "gz", "parquet", "arrow", "feather"]))
    name = f"pairs.{kind}"
    if kind == "txt":  # whose ids hold no spaces
        rows = make_rows(rng, text_ids=False)
    data = _columnar(kind, rows, rng) if kind in WRITERS else _text(kind, rows, rng)
    if rng.random() < 0.2:
        return Case({name: data}, name, "same", rows, pairs="table")
    data, what = damaged(data, rng)
    return Case({name: data}, name, what, pairs="table")


WRITERS: dict[str, Callable[[pa.Table, np.random.Generator], bytes]] = {
    "parquet": parquet_bytes,
    "arrow": lambda table, rng: ipc_bytes(pa.ipc.new_file, table, int(rng.integers(1, 20))),
    "feather": feather_bytes,
}


def _columnar(kind: str, rows: list[Row], rng: np.random.Generator) -> bytes:
    table = table_of(rows)
    return WRITERS[kind](table.select(["user", "item"]) if rng.random() < 0.5 else table, rng)


def _text(kind: str, rows: list[Row], rng: np.random.Generator) -> bytes:
    separator = SEPARATORS.get(kind, ",")
    header = [separator.join(("user", "item"))] if rng.random() < 0.5 else []
    # Text ids hold commas.
    item = '"{}"' if separator == "," else "{}"
    if not header and any(not row.user.isdigit() for row in rows):
        header = [separator.join(("user", "item"))]  # which nobody takes for a first line
    lines = [separator.join((row.user, item.format(row.item))) for row in rows]
    data = "\n".join((*header, *lines)).encode() + b"\n"
    return gzip.compress(data, mtime=0) if kind == "gz" else data

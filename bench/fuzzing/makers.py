"""The makers of cases, one for each layout."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.fuzzing.cases import Case, Row, cut_short, damaged, make_rows
from bench.fuzzing.columnar import columnar_case, table_of
from bench.fuzzing.pairs import list_case, table_case
from bench.fuzzing.text import CSV, STYLES, movie_files_case, netflix_case, text_case
from fastmf.data import Ratings, write_store


def compressed_case(reader: str, rng: np.random.Generator) -> Case:
    """Make compressed text, damaged before it is compressed or after."""
    name = f"ratings.csv.{reader}"
    case = text_case(CSV, name, rng)
    packed = gzip.compress(case.files[name], mtime=0)
    if reader == "zst":
        packed = pa.compress(case.files[name], codec="zstd", asbytes=True)
    if rng.random() < 0.5:
        return replace(case, files={name: packed})
    if rng.random() < 0.3 and case.expected is not None and not case.n_bad:
        packed, what = cut_short(packed, rng)
        return Case({name: packed}, name, what, whole=case.expected)
    packed, what = damaged(packed, rng)
    return Case({name: packed}, name, what)


def store_case(rng: np.random.Generator) -> Case:
    """Make a store, one of whose files is damaged or missing."""
    rows = make_rows(rng, text_ids=True)
    table = table_of(rows)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "ratings.store"
        write_store(Ratings.from_arrays(*table.columns), store)
        files = {
            f"{store.name}/{path.relative_to(store)}": path.read_bytes()
            for path in sorted(store.rglob("*"))
            if path.is_file()
        }
    if rng.random() < 0.1:
        return Case(files, store.name, "same", rows)
    name = str(rng.choice(sorted(files)))
    if rng.random() < 0.05:
        return Case({key: files[key] for key in files if key != name}, store.name, f"no {name}")
    files[name], what = damaged(files[name], rng)
    return Case(files, store.name, f"{name}: {what}")


ITEM_LAYOUTS: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "movies.csv": ("movieId,title,genres\n", '{},"{}, The",Drama|War\n'.format),
    "movies.dat": ("", "{}::{}::Drama\n".format),
    "u.item": ("", ("{}|{}|01-Jan-1995||http://x" + "|0" * 18 + "|1\n").format),
    "anime.csv": ("anime_id,name,genre,type,episodes\n", '{},{},"A, B",TV,12\n'.format),
    "movie_titles.csv": ("", "{},1999,{}\n".format),
}


def items_case(rng: np.random.Generator) -> Case:
    """Make a table of items."""
    name = str(rng.choice(sorted(ITEM_LAYOUTS)))
    header, line = ITEM_LAYOUTS[name]
    n_items = int(rng.integers(1, 30))
    titles = [f"Title {number} (1995)" for number in range(n_items)]
    text = header + "".join(line(str(i + 1), title) for i, title in enumerate(titles))
    rows = [Row("", str(number + 1), 0, 0) for number in range(n_items)]
    if rng.random() < 0.2:
        return Case({name: text.encode()}, name, "same", rows, items=True)
    data, what = damaged(text.encode(), rng)
    return Case({name: data}, name, what, items=True)


MAKERS: dict[str, Callable[[np.random.Generator], Case]] = {
    **{name: partial(text_case, style, f"ratings.{name}") for name, style in STYLES.items()},
    "netflix": partial(netflix_case, "combined_data_1.txt"),
    "movie-files": movie_files_case,
    "pair-lists": list_case,
    "pair-tables": table_case,
    **{name: partial(columnar_case, name) for name in ("parquet", "arrow", "stream", "feather")},
    "gzip": partial(compressed_case, "gz"),
    "zstd": partial(compressed_case, "zst"),
    "store": store_case,
    "items": items_case,
}


def make_case(reader: str, seed: int, number: int) -> Case:
    """Make a case again from what names it."""
    return MAKERS[reader](np.random.default_rng([seed, zlib.crc32(reader.encode()), number]))

"""The ratings of a bench, split once, written for everyone and kept.

Everyone trains and is validated on the same rows in the same order: as Parquet with the raw ids,
and as the text of LIBMF (``user item rating`` a line, dense indices by first appearance).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from bench.harness import Progress
from bench.process import BenchError
from bench.source import BATCH_ROWS, NAMES, batches, identity


@dataclass(frozen=True)
class Split:
    """Training and validation ratings in a folder.

    Attributes
    ----------
    folder : Path
        Holds ``train`` and ``valid``, each as ``.parquet`` and as ``.txt``.
    name : str
        Name of the file the ratings came from.
    n_train, n_valid, n_users, n_items : int
    rating_minimum, rating_maximum : float
        Over both parts.
    """

    folder: Path
    name: str
    n_train: int
    n_valid: int
    n_users: int
    n_items: int
    rating_minimum: float
    rating_maximum: float

    @property
    def train(self) -> Path:
        """Training ratings, Parquet, raw ids."""
        return self.folder / "train.parquet"

    @property
    def valid(self) -> Path:
        """Validation ratings, Parquet, raw ids."""
        return self.folder / "valid.parquet"

    @property
    def train_text(self) -> Path:
        """Training ratings, LIBMF's text."""
        return self.folder / "train.txt"

    @property
    def valid_text(self) -> Path:
        """Validation ratings, LIBMF's text."""
        return self.folder / "valid.txt"

    def describe(self) -> str:
        """Size in words, for the report."""
        return (
            f"{self.name}: {self.n_train:,} training and {self.n_valid:,} validation ratings, "
            f"{self.n_users:,} users, {self.n_items:,} items"
        )


def random_split(
    source: Path,
    cache: Path,
    progress: Progress,
    *,
    fraction: float,
    seed: int = 0,
    per_user: bool = False,
) -> Split:
    """Split the ratings of a file once, by chance, and keep the parts in the cache.

    Parameters
    ----------
    source : Path
        Parquet, or delimited text (comma or tab, with or without a header line). The user, item
        and rating are the first three columns.
    cache : Path
        Folder that keeps the split; a changed source file makes a new one.
    progress : Progress
    fraction : float
        Share of validation ratings: each row is drawn with this probability, or, with
        ``per_user``, ``round(fraction * count)`` rows of each user.
    seed : int
    per_user : bool

    Raises
    ------
    BenchError
        The source is missing or not three columns of user, item and number.
    """
    settings = {"fraction": fraction, "seed": seed, "per_user": per_user}
    folder = cache / f"{source.stem}-{_digest(identity(source), settings)}"
    if not (folder / "split.json").exists():
        progress.say(f"splitting {source.name} (kept for the next run)")
        users, items, n_rows = _vocabularies([source])
        held_out = _held_out(source, users, n_rows, fraction, seed, per_user=per_user)
        _write(folder, source.name, users, items, _marked(source, held_out))
    return _read(folder)


def published_split(train: Path, valid: Path, cache: Path, progress: Progress) -> Split:
    """Take training and validation ratings from two files as they are."""
    folder = cache / f"{train.stem}-{_digest(identity(train), identity(valid))}"
    if not (folder / "split.json").exists():
        progress.say(f"converting {train.name} and {valid.name} (kept for the next run)")
        users, items, _ = _vocabularies([train, valid])
        parts = ((path, part) for part, path in enumerate((train, valid)))
        rows = (
            (batch, np.full(batch.num_rows, bool(part)))
            for path, part in parts
            for batch in batches(path)
        )
        _write(folder, train.name, users, items, rows)
    return _read(folder)


def _digest(*parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _vocabularies(sources: list[Path]) -> tuple[pa.Array, pa.Array, int]:
    users: pa.Array | None = None
    items: pa.Array | None = None
    n_rows = 0
    for source in sources:
        for batch in batches(source):
            users, items = _grown(users, batch[0]), _grown(items, batch[1])
            n_rows += batch.num_rows
    if users is None or items is None:
        raise BenchError(f"{sources[0]} holds no ratings")
    return users, items, n_rows


def _grown(ids: pa.Array | None, more: pa.Array) -> pa.Array:
    fresh = pc.unique(more)
    return fresh if ids is None else pc.unique(pa.concat_arrays([ids, fresh.cast(ids.type)]))


def _held_out(
    source: Path, users: pa.Array, n_rows: int, fraction: float, seed: int, *, per_user: bool
) -> npt.NDArray[np.bool_]:
    """Mark the validation rows: (n_rows,) bool."""
    generator = np.random.default_rng(seed)
    if not per_user:
        held_out = np.empty(n_rows, dtype=np.bool_)
        for start in range(0, n_rows, BATCH_ROWS):
            part = held_out[start : start + BATCH_ROWS]
            part[:] = generator.random(len(part)) < fraction
        return held_out
    index = np.concatenate(
        [pc.index_in(batch[0], value_set=users).to_numpy() for batch in batches(source)]
    )
    order = np.lexsort((generator.random(n_rows), index))
    counts = np.bincount(index, minlength=len(users))
    starts = np.cumsum(counts) - counts
    rank = np.arange(n_rows) - np.repeat(starts, counts)
    held_out = np.zeros(n_rows, dtype=np.bool_)
    held_out[order] = rank < np.repeat(np.rint(fraction * counts), counts)
    return held_out


def _marked(
    source: Path, held_out: npt.NDArray[np.bool_]
) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.bool_]]]:
    start = 0
    for batch in batches(source):
        yield batch, held_out[start : start + batch.num_rows]
        start += batch.num_rows


def _write(
    folder: Path,
    name: str,
    users: pa.Array,
    items: pa.Array,
    rows: Iterator[tuple[pa.RecordBatch, npt.NDArray[np.bool_]]],
) -> None:
    """Write both parts in both layouts into a folder beside, then rename it."""
    partial = folder.with_name(f"partial-{os.getpid()}-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    counts = [0, 0]
    low, high = np.inf, -np.inf
    writers: list[tuple[Any, Any]] = []
    try:
        for batch, held_out in rows:
            if not writers:
                writers = [_writers(partial / part, batch.schema) for part in ("train", "valid")]
            ends = pc.min_max(batch[2])
            low, high = min(low, ends["min"].as_py()), max(high, ends["max"].as_py())
            for part, mask in enumerate((~held_out, held_out)):
                chosen = batch.filter(pa.array(mask))
                if not chosen.num_rows:
                    continue
                counts[part] += chosen.num_rows
                parquet, text = writers[part]
                parquet.write_batch(chosen)
                text.write_batch(_dense(chosen, users, items))
        for parquet, text in writers:
            parquet.close()
            text.close()
        split = Split(folder, name, counts[0], counts[1], len(users), len(items), low, high)
        if not min(counts):
            raise BenchError(f"the split of {name} left one part without ratings")
        content = {key: value for key, value in asdict(split).items() if key != "folder"}
        (partial / "split.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _writers(stem: Path, schema: pa.Schema) -> tuple[Any, Any]:
    dense = pa.schema(zip(NAMES, (pa.int32(), pa.int32(), pa.float32()), strict=True))
    options = pyarrow.csv.WriteOptions(include_header=False, delimiter=" ")
    return (
        pq.ParquetWriter(stem.with_suffix(".parquet"), schema),
        pyarrow.csv.CSVWriter(stem.with_suffix(".txt"), dense, write_options=options),
    )


def _dense(batch: pa.RecordBatch, users: pa.Array, items: pa.Array) -> pa.RecordBatch:
    user = pc.index_in(batch[0], value_set=users)
    item = pc.index_in(batch[1], value_set=items)
    return pa.record_batch([user, item, batch[2]], names=list(NAMES))


def _read(folder: Path) -> Split:
    content = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    return Split(folder=folder, **content)

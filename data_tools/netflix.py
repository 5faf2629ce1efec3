"""Turn the Netflix Prize download into Parquet: ``python -m data_tools.netflix RAW OUT``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from data_tools.raw_folder import (
    ITEMS_FILE,
    RATINGS_FILE,
    check_raw_folder,
    find_raw_file,
    make_folder,
    preparing_options,
    read_raw_ratings,
    write_items,
    write_ratings_file,
)
from fastmf.data.items import read_items
from fastmf.data.splits.by_pairs import pairs_split
from fastmf.errors import DataError, FastMFError

EXAMPLES = """\b
Examples:
  python -m data_tools.netflix download prepared/netflix
  python -m data_tools.netflix nf_prize_dataset prepared/netflix --threads 2 --json
  python -m data_tools.netflix download out --ratings download/combined_data_1.txt
  fastmf train prepared/netflix/train.parquet --valid prepared/netflix/probe.parquet
"""

TRAIN_FILE, PROBE_FILE = "train.parquet", "probe.parquet"
TITLES = ("movie_titles.csv", "movie_titles.txt")
PROBE = ("probe.txt",)


@dataclass(frozen=True)
class Written:
    """One file that was written, and its rows."""

    path: str
    rows: int


@dataclass(frozen=True)
class Prepared:
    """What was written, and what there was to say."""

    files: tuple[Written, ...]
    ratings: int
    users: int
    items: int
    notes: tuple[str, ...]
    seconds: float


def prepare(
    raw: Path,
    out: Path,
    *,
    ratings_path: Path | None = None,
    items_path: Path | None = None,
    probe_path: Path | None = None,
    quiet: bool = True,
    **reading: Any,
) -> Prepared:
    """Read the download and write Parquet: all ratings, the movies, and both sides of the probe.

    Parameters
    ----------
    raw, out : pathlib.Path
        The folder of the download, and the one to write to, which is made if need be.
    ratings_path, items_path, probe_path : pathlib.Path, optional
        Files or folders to take in place of those found in `raw`.
    quiet : bool, optional
        Whether to show no progress.
    **reading
        Options of `fastmf.read_ratings`.

    Returns
    -------
    Prepared

    Raises
    ------
    FastMFError
        When files are missing, cannot be read, or cannot be written.
    """
    started = time.perf_counter()
    check_raw_folder(raw)
    ratings_path = ratings_path or _find_ratings(raw)
    items_path = items_path or find_raw_file(raw, TITLES)
    probe_path = probe_path or find_raw_file(raw, PROBE)
    items = None if items_path is None else read_items(items_path)
    make_folder(out)
    ratings = read_raw_ratings(ratings_path, quiet, **reading)
    tables = {RATINGS_FILE: ratings}
    notes = list(ratings.notes)
    if probe_path is not None:
        threads = reading.get("num_threads")
        train, probe = pairs_split(ratings, probe_path, num_threads=threads)
        tables |= {TRAIN_FILE: train, PROBE_FILE: probe}
        notes += [note for note in (*train.notes, *probe.notes) if note not in notes]
    written = []
    if items is not None:
        write_items(out / ITEMS_FILE, items)
        written.append(Written(str(out / ITEMS_FILE), len(items)))
        n_known = int((ratings.items.lookup(items.ids) >= 0).sum())
        if n_known < ratings.n_items:
            notes.append(f"{ratings.n_items - n_known:,} rated movies have no title")
    else:
        notes.append(f"{raw}: no {TITLES[0]}, so no {ITEMS_FILE}")
    for name, selected in tables.items():
        write_ratings_file(out / name, selected, quiet)
        written.append(Written(str(out / name), len(selected)))
    seconds = round(time.perf_counter() - started, 3)
    counts = (ratings.n_ratings, ratings.n_users, ratings.n_items)
    return Prepared(tuple(written), *counts, tuple(notes), seconds)


def _find_ratings(raw: Path) -> Path:
    """Return the folder with the files of ratings; archives are left alone."""
    if any(raw.rglob("combined_data_*.txt*")) or any(raw.rglob("mv_*.txt*")):
        return raw
    archives = sorted(path.name for path in raw.rglob("*.tar*"))
    hint = f"; unpack {archives[0]} first" if archives else ""
    raise DataError(
        f"{raw}: no ratings of the Netflix Prize here; looked for combined_data_*.txt and "
        f"mv_*.txt{hint}; --ratings names another file or folder"
    )


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 100})
@click.option(
    "--probe",
    "probe_path",
    type=click.Path(path_type=Path),
    help="Another list of ratings to hold out than probe.txt.",
)
@preparing_options
def main(*, as_json: bool, quiet: bool, **options: Any) -> None:
    """Write the ratings and movies of the Netflix Prize download as Parquet.

    RAW_FOLDER holds combined_data_*.txt, or mv_*.txt at any depth (training_set.tar must be
    unpacked), plain or compressed; and, where they are there, movie_titles.csv and probe.txt.

    OUT_FOLDER receives ratings.parquet (user, item, rating, timestamp), items.parquet (id, title,
    year), and the ratings without and within the probe list as train.parquet and probe.parquet.
    """
    try:
        done = prepare(quiet=quiet, **options)
    except FastMFError as error:
        raise click.ClickException(str(error)) from None
    if not quiet:
        for note in done.notes:
            click.echo(f"note: {note}", err=True)
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    click.echo(f"{done.ratings:,} ratings, {done.users:,} users, {done.items:,} items")
    for file in done.files:
        click.echo(f"{file.path}: {file.rows:,} rows")


if __name__ == "__main__":
    main(prog_name="python -m data_tools.netflix")

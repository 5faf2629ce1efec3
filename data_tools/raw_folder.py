"""What the preparing tools share: the folder of a raw download in, two clean Parquet files out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from fastmf.cli.rating_table import write_ratings
from fastmf.data import Ratings, read_ratings
from fastmf.data.items import Items, read_items
from fastmf.data.table_files import check_writable, table_writer
from fastmf.errors import DataError, FastMFError

Command = TypeVar("Command", bound=Callable[..., Any])

RATINGS_FILE = "ratings.parquet"
ITEMS_FILE = "items.parquet"


@dataclass(frozen=True)
class RawNames:
    """What the files of a data set are called, over its releases; the first that is there counts.

    Attributes
    ----------
    data : str
        What the data set is called.
    ratings, items : tuple of str
        Names of the files of ratings, and of titles and genres.
    """

    data: str
    ratings: tuple[str, ...]
    items: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """What was written, and what there was to say."""

    ratings_path: str
    items_path: str | None
    ratings: int
    users: int
    items: int
    items_described: int | None
    notes: tuple[str, ...]
    seconds: float


def find_raw_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Find a file by its name in a folder, or in the one folder that an archive unpacks to.

    Parameters
    ----------
    folder : pathlib.Path
        Where to look.
    names : tuple of str
        The names, the first that is there counts; also compressed by gzip or zstd.

    Returns
    -------
    pathlib.Path or None
    """
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    for place in (folder, *(inner if len(inner) == 1 else ())):
        for name in names:
            for ending in ("", ".gz", ".zst"):
                path: Path = place / (name + ending)
                if path.is_file():
                    return path
    return None


def prepare(
    raw: Path,
    out: Path,
    names: RawNames,
    *,
    ratings_path: Path | None = None,
    items_path: Path | None = None,
    quiet: bool = True,
    **reading: Any,
) -> Prepared:
    """Read a raw download and write ``ratings.parquet`` and ``items.parquet``.

    Each of the two files appears when it is whole, the ratings last.

    Parameters
    ----------
    raw, out : pathlib.Path
        The folder of the download, and the one to write to, which is made if need be.
    names : RawNames
        What to look for in `raw`.
    ratings_path, items_path : pathlib.Path, optional
        Files to take in place of those.
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
    ratings_path = ratings_path or find_raw_file(raw, names.ratings)
    if ratings_path is None:
        raise DataError(
            f"{raw}: no ratings of {names.data} here; looked for {', '.join(names.ratings)}; "
            "--ratings names another file"
        )
    items_path = items_path or find_raw_file(raw, names.items)
    make_folder(out)
    items = None if items_path is None else read_items(items_path)
    ratings = read_raw_ratings(ratings_path, quiet, **reading)
    if items is not None:
        write_items(out / ITEMS_FILE, items)
    write_ratings_file(out / RATINGS_FILE, ratings, quiet)
    return Prepared(
        str(out / RATINGS_FILE),
        None if items is None else str(out / ITEMS_FILE),
        ratings.n_ratings,
        ratings.n_users,
        ratings.n_items,
        None if items is None else len(items),
        (*ratings.notes, *_items_notes(ratings, items, raw, names)),
        round(time.perf_counter() - started, 3),
    )


def check_raw_folder(raw: Path) -> None:
    """Refuse what is no folder.

    Raises
    ------
    DataError
    """
    if not raw.is_dir():
        raise DataError(f"{raw}: no such folder; give the folder of the download")


def make_folder(out: Path) -> None:
    """Make the folder to write to, where there is none.

    Raises
    ------
    DataError
        When it cannot be made, or nothing can be written to it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: no folder can be made here: {error.strerror}") from error
    check_writable(out, out)


def read_raw_ratings(path: Path, quiet: bool, **reading: Any) -> Ratings:
    """Read ratings with progress, keeping no copy of them; `reading` is as for `read_ratings`."""
    with _bar(f"reading {path.name}", None, quiet) as bar:
        return read_ratings(path, cache=False, progress=bar.update, trainable=False, **reading)


def write_items(path: Path, items: Items) -> None:
    """Write a table of items, whole or not at all."""
    table = items.to_arrow()
    with table_writer(path) as writer:
        writer.write(dict(zip(table.column_names, table.columns, strict=True)))


def write_ratings_file(path: Path, ratings: Ratings, quiet: bool) -> None:
    """Write ratings with progress, whole or not at all."""
    with _bar(f"writing {path.name}", len(ratings), quiet) as bar, table_writer(path) as writer:
        write_ratings(ratings, writer, bar.update)


def _bar(description: str, total: int | None, quiet: bool) -> Any:
    return tqdm(
        desc=description, total=total, unit=" ratings", unit_scale=True, disable=quiet, delay=0.5
    )


def _items_notes(ratings: Ratings, items: Items | None, raw: Path, names: RawNames) -> list[str]:
    """Say what the table of items lacks."""
    if items is None:
        return [f"{raw}: no table of items, looked for {', '.join(names.items)}"]
    n_known = int((ratings.items.lookup(items.ids) >= 0).sum())
    lacking = ratings.n_items - n_known
    return [f"{lacking:,} of {ratings.n_items:,} rated items are not described"] if lacking else []


def preparing_options(command: Command) -> Command:
    """Add the arguments and options that all preparing tools have.

    Parameters
    ----------
    command : callable
        The function of the command.

    Returns
    -------
    callable
    """
    path = click.Path(path_type=Path)
    for option in (
        click.option("--quiet", is_flag=True, help="No progress and no notes."),
        click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON."),
        click.option(
            "--threads",
            "num_threads",
            type=click.IntRange(min=1),
            show_default="all processors",
            help="Threads to read with.",
        ),
        click.option(
            "--on-bad-rows",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="Stop at a row that cannot be used, or leave such rows out and say how many.",
        ),
        click.option("--items", "items_path", type=path, help="Another file of titles and genres."),
        click.option("--ratings", "ratings_path", type=path, help="Another file of ratings."),
        click.argument("out", metavar="OUT_FOLDER", type=path),
        click.argument("raw", metavar="RAW_FOLDER", type=path),
    ):
        command = option(command)
    return command


def run_tool(names: RawNames, *, as_json: bool, quiet: bool, **options: Any) -> None:
    """Prepare, and print what was done; a failure is one line.

    Parameters
    ----------
    names : RawNames
        What to look for.
    as_json, quiet : bool
        How to print it.
    **options
        As `prepare` takes them.

    Raises
    ------
    click.ClickException
        On any failure.
    """
    try:
        done = prepare(names=names, quiet=quiet, **options)
    except FastMFError as error:
        raise click.ClickException(str(error)) from None
    if not quiet:
        for note in done.notes:
            click.echo(f"note: {note}", err=True)
    if as_json:
        click.echo(json.dumps(asdict(done)))
        return
    click.echo(
        f"{done.ratings_path}: {done.ratings:,} ratings, {done.users:,} users, {done.items:,} items"
    )
    if done.items_path is not None:
        click.echo(f"{done.items_path}: {done.items_described:,} items")

"""`fastmf demo`: from nothing to recommendations in under a minute."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from fastmf.cli.console import Console, path_argument
from fastmf.cli.evaluation_table import error_table
from fastmf.cli.item_list import item_document, item_table
from fastmf.cli.options import NamedPath, quiet_option, threads_option
from fastmf.cli.reading import load_ratings
from fastmf.cli.text_table import table

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.data.titles import Titles
    from fastmf.models import RatingModel

__all__ = ["demo"]

_RATINGS = 1_000_000
_HELD_OUT = 0.1
_FILES = frozenset({"ratings.parquet", "titles.csv", "model"})
# A user with so many ratings has a taste that shows.
_RATINGS_OF_USER = range(100, 301)


class _Sample(NamedTuple):
    """Generated files, and the least RMSE that any model can reach on them."""

    ratings: Path
    titles: Path
    floor_rmse: float


@click.command(
    short_help="Generate ratings, train on them, recommend: in under a minute.",
    epilog="Example:\n\n  fastmf demo",
)
@click.option(
    "--out",
    type=NamedPath(),
    default=Path("fastmf-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for ratings, titles and model; those of an earlier demo are replaced.",
)
@threads_option
@quiet_option
def demo(*, out: Path, threads: int | None, quiet: bool) -> None:
    """Generate a million ratings, train on them, and recommend to one user.

    The ratings are drawn from a planted model, so the least RMSE that any model can reach is
    known: the noise floor. Titles are invented.
    """
    from fastmf import BiasedMF, RunSettings, evaluate, random_split
    from fastmf.data.titles import read_titles

    _check_folder(out)
    console = Console(quiet)
    folder = out / "model"
    with _all_or_nothing(out):
        sample = _generate(out, console, threads)
        ratings = load_ratings(sample.ratings, {}, console, threads=threads)
        training, held_out = random_split(ratings, _HELD_OUT)
        console.note("training 50 factors; the first run on a machine compiles its kernels first")
        run = RunSettings(num_threads=threads, progress=console.progress)
        model = BiasedMF(factors=50).fit(training, held_out, run=run)
        model.save(folder)

    click.echo(f"{len(training):,} training ratings, {len(held_out):,} held out")
    click.echo()
    lines = error_table(evaluate(model, held_out), model.kind, "held-out ratings")
    click.echo("\n".join(lines))
    click.echo(f"  noise floor: RMSE {sample.floor_rmse:.4f}, the least that any model can reach")
    click.echo()
    _show_user(model, ratings, read_titles(sample.titles), threads)
    click.echo(f"Ratings, titles and the model are in {out}. Next:")
    click.echo(
        f"  fastmf similar {path_argument(folder)} --item 1 --items {path_argument(sample.titles)}"
    )
    click.echo("  fastmf train ratings.csv --valid 0.1")


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier demo."""
    from fastmf.errors import DataError

    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a folder with --out")
    others = {entry.name for entry in folder.iterdir()} - _FILES if folder.is_dir() else set()
    if others:
        raise DataError(
            f"{folder}: holds other things ({min(others)}); name a new folder with --out"
        )


@contextmanager
def _all_or_nothing(folder: Path) -> Iterator[None]:
    """Take a folder and what the demo put into it away where the body fails."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    except BaseException:
        if made:
            for name in _FILES:
                shutil.rmtree(folder / name, ignore_errors=True)
                with suppress(OSError):
                    (folder / name).unlink()
        for place in made:
            with suppress(OSError):  # something else is in it
                place.rmdir()
        raise


def _generate(folder: Path, console: Console, threads: int | None) -> _Sample:
    """Write the sample and its titles."""
    import numpy as np

    from fastmf.data.synthetic import generate, item_titles
    from fastmf.data.table_files import table_writer

    folder.mkdir(parents=True, exist_ok=True)
    sample, titles = folder / "ratings.parquet", folder / "titles.csv"
    with console.work("generating ratings", "ratings", _RATINGS) as progress:
        summary = generate(sample, _RATINGS, num_threads=threads, progress=progress)
    with table_writer(titles) as writer:
        writer.write(
            {"item_id": np.arange(1, summary.items + 1), "title": item_titles(summary.items)}
        )
    console.note(
        f"{summary.ratings:,} ratings of {summary.users:,} users and {summary.items:,} items "
        f"generated in {folder}"
    )
    return _Sample(sample, titles, summary.floor_rmse)


def _show_user(model: RatingModel, ratings: Ratings, titles: Titles, threads: int | None) -> None:
    """Print what one user liked, and what the model recommends them."""
    from fastmf import RunSettings

    user, liked = _user_with_taste(ratings)
    click.echo(f"User {user} liked")
    rows = [("", str(item), titles.of(item), f"{value:g}") for item, value in liked]
    click.echo(table(rows, right=(0, 1, 3)))
    found = model.recommend([user], n=10, seen=ratings, run=RunSettings(num_threads=threads))
    items = [
        item_document(item, titles, "score", score)
        for item, score in zip(found.item_ids[0].tolist(), found.scores[0].tolist(), strict=True)
    ]
    click.echo()
    click.echo(f"Recommended to user {user}, without what they have rated")
    click.echo(item_table(items, "score", with_titles=True))
    click.echo()


def _user_with_taste(ratings: Ratings) -> tuple[Any, list[tuple[Any, float]]]:
    """Choose the first user with a fair number of ratings, and their best five items."""
    import numpy as np

    counts = np.bincount(ratings.user_index, minlength=ratings.n_users)
    fair = (counts >= _RATINGS_OF_USER.start) & (counts < _RATINGS_OF_USER.stop)
    user = int(np.flatnonzero(fair)[0])
    rows = np.flatnonzero(ratings.user_index == user)
    best = rows[np.argsort(-ratings.value[rows], kind="stable")[:5]]
    items = ratings.items.take(ratings.item_index[best]).tolist()
    values = ratings.value[best].tolist()
    return ratings.users.take([user])[0], list(zip(items, values, strict=True))

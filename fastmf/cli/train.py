"""`fastmf train`: ratings in, a saved model out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.hyperparameters import DEFAULT_MODEL, TrainCommand
from fastmf.cli.options import (
    cache_option,
    column_options,
    duplicates_option,
    json_option,
    quiet_option,
    ratings_argument,
    threads_option,
)

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.cli.console import Console
    from fastmf.cli.interrupt import GracefulStop
    from fastmf.models.base import RatingModel

__all__ = ["default_model_folder", "train"]

# Endings that a name of ratings loses on the way to the name of a model.
_COMPRESSED = (".gz", ".zst", ".bz2", ".lz4")


@click.command(
    cls=TrainCommand,
    epilog="""\b
Examples:
  fastmf train ratings.csv --valid 0.1
  fastmf train ratings.parquet --factors 100 --valid test.parquet --patience 3
  fastmf train log.tsv --user-column who --item-column what --rating-column stars
  fastmf train ratings.csv --valid 0.1 --json --quiet > report.json

Ctrl-C ends training after the running epoch and saves the model; a second one ends at once.
""",
)
@ratings_argument
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME", help="Model to train."
)
@click.option(
    "--valid",
    metavar="0.1|FILE",
    help="Ratings to validate on: a fraction held out at random, or a file of their own.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Epochs without a better validation RMSE before training stops; 0 runs them all.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the model; a model in its place is replaced. [default: <RATINGS>.model]",
)
@threads_option
@column_options
@duplicates_option
@cache_option
@json_option
@quiet_option
@click.pass_context
def train(
    ctx: click.Context,
    ratings: Path,
    model: str,
    valid: str | None,
    patience: int,
    out: Path | None,
    threads: int | None,
    user_column: str | None,
    item_column: str | None,
    rating_column: str | None,
    time_column: str | None,
    duplicates: Any,
    cache: bool,
    as_json: bool,
    quiet: bool,
    **hyperparameters: Any,
) -> None:
    """Train a model on RATINGS and save it.

    RATINGS is a Parquet, Arrow or Feather file, CSV, TSV or other delimited text (also
    compressed), a folder of such parts, or a prepared store. Columns are found by their usual
    names. A file is read once; the next run starts from a memory-mapped copy in the cache.
    """
    began = time.perf_counter()
    from fastmf import RunSettings, read_ratings
    from fastmf.cli.console import Console
    from fastmf.cli.interrupt import GracefulStop, graceful_interrupts
    from fastmf.cli.output import check_model_target

    folder = out or default_model_folder(ratings)
    check_model_target(folder)
    ctx.obj.hyperparameters(**hyperparameters)  # refuses what is out of limits before any work
    estimator: RatingModel = ctx.obj(**hyperparameters)
    console = Console(quiet)
    stop = GracefulStop(console.progress)

    def read(source: Path, trainable: bool) -> Ratings:
        with console.work(f"reading {source.name}", "ratings") as progress:
            found = read_ratings(
                source,
                user_column=user_column,
                item_column=item_column,
                rating_column=rating_column,
                time_column=time_column,
                duplicates=duplicates,
                cache=cache,
                progress=progress,
                num_threads=threads,
                trainable=trainable,
            )
        console.notes(found.notes)
        return found

    begun_reading = time.perf_counter()
    table = read(ratings, True)
    training, held_out = _hold_out(table, valid, read, hyperparameters.get("random_state", 0))
    read_seconds = time.perf_counter() - begun_reading
    run = RunSettings(
        num_threads=threads, progress=stop, patience=patience or None, stop=stop.is_requested
    )
    with graceful_interrupts(stop):
        estimator.fit(training, held_out, run=run)
        estimator.save(folder)
    _report(
        estimator,
        folder,
        held_out,
        run=run,
        hyperparameters=hyperparameters,
        read_seconds=read_seconds,
        began=began,
        as_json=as_json,
    )
    if estimator.stopped_ == "interrupted":
        click.echo(
            f"interrupted: the model after epoch {estimator.best_epoch_} is saved in {folder}",
            err=True,
        )
        ctx.exit(1)


def default_model_folder(ratings: Path) -> Path:
    """Return the folder in the current one that is named after the ratings.

    Parameters
    ----------
    ratings : pathlib.Path
        File or folder of ratings.

    Returns
    -------
    pathlib.Path
        ``ratings.csv.gz`` gives ``ratings.model``.
    """
    name = Path(ratings.resolve().name)
    if name.suffix.lower() in _COMPRESSED:
        name = name.with_suffix("")
    return Path(f"{name.stem}.model")

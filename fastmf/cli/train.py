"""`fastmf train`: ratings in, a saved model out."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmf.cli.cleaning import cleaning_options
from fastmf.cli.console import Console
from fastmf.cli.hold_out import WAYS, HoldOut, known_only_option, parse_hold_out
from fastmf.cli.interrupt import GracefulStop, graceful_interrupts
from fastmf.cli.options import (
    NamedPath,
    json_option,
    max_memory_option,
    quiet_option,
    ratings_argument,
    reading_options,
    threads_option,
)
from fastmf.cli.reading import load_ratings
from fastmf.cli.train_command import DEFAULT_MODEL, TrainCommand
from fastmf.errors import ParameterError

if TYPE_CHECKING:
    from fastmf.data.metadata import Metadata
    from fastmf.models import RatingModel

__all__ = ["default_model_folder", "train"]

# Endings that a name of ratings loses on the way to the name of a model.
_COMPRESSED = (".gz", ".zst", ".bz2", ".lz4")


@click.command(
    cls=TrainCommand,
    short_help="Train a model on ratings and save it.",
    epilog="""\b
Examples:
  fastmf train ratings.csv --valid 0.1
  fastmf train ratings.parquet --factors 100 --valid test.parquet --patience 3
  fastmf train ratings.csv --valid 5 --valid-by last --min-user-ratings 20
  fastmf train log.tsv --user-column who --item-column what --rating-column stars
  fastmf train ratings.csv --model mlp --hidden 128,64 --valid 0.1
  fastmf train ratings.csv --model hybrid --items movies.csv --item-features genres,year
  fastmf train ratings.csv --config deep.toml --valid 0.1 --json --quiet > report.json

Ctrl-C ends training after the running epoch and saves the model; a second one ends at once.
""",
)
@ratings_argument
@click.option(
    "--model",
    "kind",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME",
    help="The model, one of those below.",
)
@click.option(
    "--config",
    type=NamedPath(),
    metavar="FILE",
    help="A TOML file of options, without dashes in front: the model and its hyperparameters, and "
    "whatever else. Options on the command line count before it. Paths in it start from the "
    "current folder, as on the command line.",
)
@click.option(
    "--items",
    type=NamedPath(),
    metavar="TABLE",
    help="What is known of items, for models that use it (hybrid): a table with a column of ids.",
)
@click.option(
    "--users",
    type=NamedPath(),
    metavar="TABLE",
    help="What is known of users, likewise.",
)
@click.option(
    "--valid",
    metavar="0.1|FILE",
    help="Ratings to validate on: a fraction held out at random, or a file of their own; or a "
    "Netflix probe list, whose ratings are held out.",
)
@click.option(
    "--valid-by",
    type=click.Choice(list(WAYS)),
    help="How --valid holds ratings out, as `fastmf split --by` does; it then takes what that "
    "takes: a number of each user's ratings, a date, a file of pairs.",
)
@known_only_option
@click.option(
    "--patience",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Epochs without a better validation RMSE before training stops, counted in the second "
    "half of the epochs; 0 runs them all.",
)
@click.option(
    "--out",
    type=NamedPath(),
    metavar="DIR",
    help="Folder of the model; a model in its place is replaced. [default: RATINGS.model]",
)
@threads_option
@max_memory_option
@reading_options
@cleaning_options
@json_option
@quiet_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    *,
    ratings: Path,
    kind: str,
    config: Path | None,
    items: Path | None,
    users: Path | None,
    valid: str | None,
    valid_by: str | None,
    known_only: bool,
    patience: int,
    out: Path | None,
    threads: int | None,
    max_memory: int | None,
    reading: dict[str, Any],
    as_json: bool,
    quiet: bool,
    **hyperparameters: Any,
) -> None:
    """Train a model on RATINGS and save it.

    RATINGS is a Parquet, Arrow or Feather file, CSV, TSV or other delimited text, a file of the
    Netflix Prize (text also compressed), a folder of such parts, a prepared store, or - for
    standard input. Columns are found by their usual names. A file is read once: the next run starts
    from a memory-mapped copy in the cache.

    Cleaning takes away ratings of RATINGS before any are held out; a file of validation ratings is
    taken as it is.
    """
    from fastmf import RunSettings
    from fastmf.cli.train_report import TrainReport
    from fastmf.machine import available_threads
    from fastmf.model_file import check_model_target
    from fastmf.models.training_source import OPTIONS, describe_training_source

    # Whatever can be refused is refused before any work is done.
    folder = out or default_model_folder(ratings)
    check_model_target(folder)
    ctx.obj.hyperparameters(**hyperparameters)
    metadata = _metadata(ctx.obj, hyperparameters, items, users)
    hold_out = _hold_out_or_file(valid, valid_by, known_only)

    console = Console(quiet)
    began = time.perf_counter()
    read = partial(load_ratings, console=console, threads=threads)
    held_out = (
        read(hold_out, {**reading, "cleaning": None}, trainable=False)
        if isinstance(hold_out, Path)
        else None
    )
    training = read(ratings, reading, trainable=True)
    source = describe_training_source(ratings, training)
    if isinstance(hold_out, HoldOut):
        # The rows that the Python API holds out for the same seed.
        n_notes = len(training.notes)
        seed = hyperparameters.get("random_state", 0)
        training, held_out = hold_out.split(training, seed, threads)
        console.notes(training.notes[n_notes:])
    read_seconds = time.perf_counter() - began

    stop = GracefulStop(console.progress)
    run = RunSettings(
        num_threads=threads,
        progress=stop,
        patience=patience,
        max_memory=max_memory,
        stop=stop.is_requested,
    )
    model: RatingModel = ctx.obj(**hyperparameters)
    with graceful_interrupts(stop):
        model.fit(training, held_out, run=run, **metadata)
        model.source_, model.source_files_ = source
        model.source_options_ = {name: reading[name] for name in OPTIONS}
        model.save(folder)

    report = TrainReport(
        model,
        hyperparameters,
        training,
        held_out,
        folder,
        read_seconds,
        threads or available_threads(),
    )
    try:
        report.show(as_json=as_json, began=ctx.meta["fastmf.began"])
    except KeyboardInterrupt:
        click.echo(f"interrupted: the model is saved in {folder}", err=True)
        ctx.exit(1)
    if stop.requested:
        click.echo(
            f"interrupted: the model after epoch {model.best_epoch_} is saved in {folder}", err=True
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
        ``ratings.csv.gz`` gives ``ratings.model``, and so does ``-``.
    """
    if str(ratings) == "-":
        return Path("ratings.model")
    name = Path(Path(os.path.realpath(ratings)).name)  # resolve() fails on a loop of links
    if name.suffix.lower() in _COMPRESSED:
        name = name.with_suffix("")
    return Path(f"{name.stem}.model")


def _metadata(
    model: type[RatingModel],
    hyperparameters: dict[str, Any],
    items: Path | None,
    users: Path | None,
) -> dict[str, Metadata]:
    """Read the tables that a model takes besides ratings."""
    given = {side: path for side, path in (("items", items), ("users", users)) if path is not None}
    takes = getattr(model, "takes_metadata", False)
    if given and not takes:
        raise click.UsageError(f"--{next(iter(given))} is for --model hybrid, not {model.kind}.")
    if takes and not given:
        raise click.UsageError(
            f"--model {model.kind} uses what is known of items or users: give --items TABLE or "
            "--users TABLE (or use --model mlp)."
        )
    for side in ("item", "user"):
        if hyperparameters.get(f"{side}_features") and f"{side}s" not in given:
            raise click.UsageError(
                f"--{side}-features names columns of a table: give --{side}s TABLE."
            )
    if not given:
        return {}
    from fastmf.data.metadata import read_metadata

    return {
        side: read_metadata(path, "item" if side == "items" else "user")
        for side, path in given.items()
    }


def _hold_out_or_file(valid: str | None, by: str | None, known_only: bool) -> HoldOut | Path | None:
    """Tell what ``--valid`` means."""
    if valid is None and (by is not None or known_only):
        option = "--known-only" if by is None else "--valid-by"
        raise ParameterError(f"{option} says how to hold ratings out; add --valid to say which")
    if valid is None:
        return None
    if by is not None:
        return parse_hold_out(valid, by, known_only)
    try:
        fraction = float(valid)
    except ValueError:
        return _file(Path(valid), known_only)
    if not 0.0 < fraction < 1.0:
        raise ParameterError(
            f"--valid is {valid}, but a fraction must lie between 0 and 1, for example 0.1; "
            "anything else is the name of a file, or needs --valid-by"
        )
    return HoldOut("random", fraction, known_only)


def _file(path: Path, known_only: bool) -> HoldOut | Path:
    """Tell a list of pairs to hold out from validation ratings."""
    from fastmf.data.splits import is_list_of_pairs

    if is_list_of_pairs(path):
        return HoldOut("pairs", path, known_only)
    if known_only:
        raise ParameterError(
            f"--known-only is for ratings held out of RATINGS; those of {path} stay as they are "
            "(where it lists pairs to hold out, add --valid-by pairs)"
        )
    return path

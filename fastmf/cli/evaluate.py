"""`fastmf evaluate`: how good a saved model is on ratings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from fastmf.cli.cleaning import cleaning_options
from fastmf.cli.console import Console, print_json
from fastmf.cli.evaluation_table import (
    error_table,
    likes_line,
    ranking_document,
    ranking_table,
)
from fastmf.cli.options import (
    NamedPath,
    json_option,
    model_argument,
    quiet_option,
    ratings_argument,
    reading_options,
    threads_option,
)
from fastmf.cli.reading import load_ratings
from fastmf.cli.seen import seen_ratings
from fastmf.cli.text_table import counted

__all__ = ["evaluate"]

_TOP = 10


@click.command(
    short_help="Measure a model on ratings: RMSE and MAE, or what it recommends.",
    epilog="""\b
Examples:
  fastmf evaluate ratings.model test.csv
  fastmf evaluate ratings.model test.csv --top 10
  fastmf evaluate ratings.model test.csv --top 20 --seen train.csv --like-above 3.5
  fastmf evaluate ratings.model test.parquet --json
""",
)
@model_argument
@ratings_argument
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Measure the N best items of each user as well: precision, recall, NDCG, MAP, MRR, hit "
    f"rate. [default: {_TOP} for models of preferences, which have no RMSE]",
)
@click.option(
    "--seen",
    type=NamedPath(),
    metavar="RATINGS",
    help="With --top, ratings whose items are not recommended again, unless they are in RATINGS. "
    "[default: those of the training]",
)
@click.option(
    "--like-above",
    type=float,
    metavar="X",
    help="With --top, items rated above X are those to be found. [default: all for models of "
    "preferences, else where 5 lies on a scale of 1 to 10]",
)
@threads_option
@reading_options
@cleaning_options
@json_option
@quiet_option
def evaluate(
    *,
    model: Path,
    ratings: Path,
    top: int | None,
    seen: Path | None,
    like_above: float | None,
    threads: int | None,
    reading: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure MODEL on RATINGS: RMSE and MAE, and with --top what it recommends.

    Models that tell likes have accuracy, precision and recall of these as well.

    Beside the errors stand two baselines on the same rows: the mean of the training ratings, and
    damped means of users and items. Users and items that the model does not know are counted.
    Beside recommendations stand those of the items with the most ratings.
    """
    from fastmf import RunSettings, load_model
    from fastmf.evaluation import evaluate as measure
    from fastmf.evaluation import evaluate_ranking

    console = Console(quiet)
    fitted = load_model(model)
    of_preferences = bool(getattr(fitted, "scores_preferences", False))
    if of_preferences:
        top = top or min(_TOP, len(fitted.items_))
    elif top is None and (seen is not None or like_above is not None):
        raise click.UsageError("--seen and --like-above are for recommendations; add --top 10.")
    table = load_ratings(ratings, reading, console, threads=threads)
    run = RunSettings(num_threads=threads, progress=console.progress)
    document: dict[str, Any] = {"model": fitted.kind, "model_path": str(model)}
    lines = []
    if not of_preferences:
        errors = measure(fitted, table, run=run)
        document |= asdict(errors)
        lines += error_table(errors, fitted.kind, counted(errors.n_ratings, "rating"))
    if hasattr(fitted, "evaluate_likes"):
        likes = fitted.evaluate_likes(table, run=run)
        document["likes"] = likes._asdict()
        lines.append(likes_line(likes))
    if top is not None:
        known = seen_ratings(fitted, seen, {**reading, "cleaning": None}, console, threads)
        ranking = evaluate_ranking(fitted, table, top, known, like_above=like_above, run=run)
        document["ranking"] = ranking_document(ranking)
        lines += [*([""] if lines else []), *ranking_table(ranking, fitted.kind)]
    if as_json:
        print_json(document)
    else:
        click.echo("\n".join(lines))

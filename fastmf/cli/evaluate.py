"""`fastmf evaluate`: errors of a saved model on ratings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from fastmf.cli.cleaning import cleaning_options
from fastmf.cli.console import Console, print_json
from fastmf.cli.evaluation_table import error_table
from fastmf.cli.options import (
    json_option,
    model_argument,
    quiet_option,
    ratings_argument,
    reading_options,
    threads_option,
)
from fastmf.cli.reading import load_ratings
from fastmf.cli.text_table import counted

__all__ = ["evaluate"]


@click.command(
    short_help="Measure a model on ratings: RMSE and MAE.",
    epilog="""\b
Examples:
  fastmf evaluate ratings.model test.csv
  fastmf evaluate ratings.model test.parquet --json
""",
)
@model_argument
@ratings_argument
@threads_option
@reading_options
@cleaning_options
@json_option
@quiet_option
def evaluate(
    *,
    model: Path,
    ratings: Path,
    threads: int | None,
    reading: dict[str, Any],
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure MODEL on RATINGS: RMSE and MAE.

    Beside them stand two baselines on the same rows: the mean of the training ratings, and damped
    means of users and items. Users and items that the model does not know are counted.
    """
    from fastmf import RunSettings, load_model
    from fastmf.evaluation import evaluate as measure

    console = Console(quiet)
    fitted = load_model(model)
    table = load_ratings(ratings, reading, console, threads=threads)
    run = RunSettings(num_threads=threads, progress=console.progress)
    evaluation = measure(fitted, table, run=run)
    if as_json:
        print_json({"model": fitted.kind, "model_path": str(model), **asdict(evaluation)})
    else:
        lines = error_table(evaluation, fitted.kind, counted(evaluation.n_ratings, "rating"))
        click.echo("\n".join(lines))

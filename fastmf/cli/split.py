"""`fastmf split`: ratings into two files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fastmf.cli.console import Console
from fastmf.cli.options import NamedPath, quiet_option, ratings_argument, reading_options
from fastmf.cli.reading import load_ratings
from fastmf.cli.targets import check_apart
from fastmf.cli.text_table import counted
from fastmf.errors import ParameterError

__all__ = ["split"]


@click.command(
    short_help="Hold out a fraction of ratings, in files of their own.",
    epilog="""\b
Example:
  fastmf split ratings.csv --valid 0.1 --out-train train.parquet --out-valid valid.parquet
""",
)
@ratings_argument
@click.option(
    "--valid", type=float, default=0.1, show_default=True, help="Fraction to hold out at random."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the choice.")
@click.option(
    "--out-train",
    required=True,
    type=NamedPath(),
    metavar="FILE",
    help="File of the rest (.parquet, .csv, .tsv).",
)
@click.option(
    "--out-valid",
    required=True,
    type=NamedPath(),
    metavar="FILE",
    help="File of the ratings held out.",
)
@reading_options
@quiet_option
def split(
    *,
    ratings: Path,
    valid: float,
    seed: int,
    out_train: Path,
    out_valid: Path,
    reading: dict[str, Any],
    quiet: bool,
) -> None:
    """Hold out a random fraction of RATINGS, each part in a file of its own.

    The rows are those that `fastmf train --valid` holds out for the same fraction and seed.
    """
    from fastmf import random_split
    from fastmf.cli.rating_table import write_ratings
    from fastmf.data.table_files import check_table_target, table_writer

    if out_train.resolve() == out_valid.resolve():
        raise ParameterError(f"--out-train and --out-valid are both {out_train}; name two files")
    if seed < 0:
        raise ParameterError(f"--seed is {seed}, but must be at least 0")
    for out in (out_train, out_valid):
        check_table_target(out)
        check_apart(out, ratings)
    console = Console(quiet)
    whole = load_ratings(ratings, reading, console)
    train, held_out = random_split(whole, valid, seed)
    # Both files appear at the end, so that neither is there without the other.
    with (
        console.work("writing", "ratings", len(whole)) as progress,
        table_writer(out_train) as train_writer,
        table_writer(out_valid) as valid_writer,
    ):
        write_ratings(train, train_writer, progress)
        write_ratings(held_out, valid_writer, progress)
    console.note(f"{counted(len(train), 'rating')} written to {out_train}")
    console.note(f"{counted(len(held_out), 'rating')} written to {out_valid}")

"""`fastmf split`: ratings into two files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fastmf.cli.console import Console
from fastmf.cli.options import quiet_option, ratings_argument, reading_options
from fastmf.cli.reading import load_ratings
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
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of the rest (.parquet, .csv, .tsv).",
)
@click.option(
    "--out-valid",
    required=True,
    type=click.Path(path_type=Path),
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
    from fastmf.cli.output import check_table_target
    from fastmf.cli.rating_table import write_ratings

    if out_train.absolute() == out_valid.absolute():
        raise ParameterError(f"--out-train and --out-valid are both {out_train}; name two files")
    if seed < 0:
        raise ParameterError(f"--seed is {seed}, but must be at least 0")
    for out in (out_train, out_valid):
        check_table_target(out)
    console = Console(quiet)
    whole = load_ratings(ratings, reading, console)
    for part, out in zip(random_split(whole, valid, seed), (out_train, out_valid), strict=True):
        with console.work(f"writing {out.name}", "ratings", len(part)) as progress:
            write_ratings(part, out, progress)
        console.note(f"{len(part):,} ratings written to {out}")

"""Turn a MovieLens download into Parquet: ``python -m data_tools.movielens RAW OUT``."""

from __future__ import annotations

from typing import Any

import click

from data_tools.raw_folder import RawNames, preparing_options, run_tool

NAMES = RawNames(
    "MovieLens",
    ratings=("ratings.csv", "ratings.dat", "u.data"),
    items=("movies.csv", "movies.dat", "u.item"),
)

EXAMPLES = """\b
Examples:
  python -m data_tools.movielens ml-32m prepared/ml-32m
  python -m data_tools.movielens ml-1m prepared/ml-1m --json
  python -m data_tools.movielens ml-100k fold1 --ratings ml-100k/u1.base
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 100})
@preparing_options
def main(**options: Any) -> None:
    """Write the ratings and movies of a MovieLens download as Parquet.

    RAW_FOLDER is any unpacked release: ml-100k (u.data, u.item), ml-1m and ml-10m (ratings.dat,
    movies.dat), ml-20m, ml-25m, ml-32m and ml-latest (ratings.csv, movies.csv).

    OUT_FOLDER receives ratings.parquet (user, item, rating, timestamp) and items.parquet (id,
    title, genres, year).
    """
    run_tool(NAMES, **options)


if __name__ == "__main__":
    main(prog_name="python -m data_tools.movielens")

"""Turn an anime download into Parquet: ``python -m data_tools.anime RAW OUT``."""

from __future__ import annotations

from typing import Any

import click

from data_tools.raw_folder import RawNames, preparing_options, run_tool

NAMES = RawNames(
    "the anime databases",
    ratings=("animelist.csv", "rating.csv", "rating_complete.csv", "anime_ratings.dat"),
    items=("anime.csv", "anime_info.dat"),
)

EXAMPLES = """\b
Examples:
  python -m data_tools.anime anime prepared/anime
  python -m data_tools.anime anime watched --unrated interactions
  python -m data_tools.anime anime-2020 complete --ratings anime-2020/rating_complete.csv
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 100})
@preparing_options
@click.option(
    "--unrated",
    type=click.Choice(["drop", "interactions", "rating"]),
    default="drop",
    show_default=True,
    help="Rows of anime that were watched and not rated: leave them out, keep every row as an "
    "interaction of value 1, or take the number as rating.",
)
def main(**options: Any) -> None:
    """Write the ratings and anime of a MyAnimeList download as Parquet.

    RAW_FOLDER holds rating.csv and anime.csv (the release of 2016, where -1 means watched but not
    rated), animelist.csv and anime.csv (that of 2020, where 0 means not rated, and rows of who
    only plans to watch are no interactions), or anime_ratings.dat and anime_info.dat (the subset
    of 5,000 users).

    OUT_FOLDER receives ratings.parquet (user, item, rating) and items.parquet (id, title, genres,
    year, type, episodes: what the release says).
    """
    run_tool(NAMES, **options)


if __name__ == "__main__":
    main(prog_name="python -m data_tools.anime")

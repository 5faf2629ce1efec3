"""`fastmf convert`: ratings of any layout into a store or a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fastmf.cli.cleaning import cleaning_options
from fastmf.cli.console import Console
from fastmf.cli.options import NamedPath, quiet_option, reading_options
from fastmf.cli.reading import load_ratings
from fastmf.cli.sections import SectionedCommand
from fastmf.cli.targets import check_apart
from fastmf.cli.text_table import counted
from fastmf.errors import ParameterError

__all__ = ["convert"]


@click.command(
    cls=SectionedCommand,
    short_help="Convert ratings to another layout.",
    epilog="""\b
Examples:
  fastmf convert ratings.csv ratings.parquet
  fastmf convert parts/ ratings.store
  fastmf convert ratings.csv core.parquet --min-user-ratings 20 --min-item-ratings 20 --until-stable
""",
)
@click.argument("raw", metavar="RAW", type=NamedPath())
@click.argument("out", metavar="OUT", type=NamedPath())
@reading_options
@cleaning_options
@quiet_option
def convert(raw: Path, out: Path, reading: dict[str, Any], quiet: bool) -> None:
    """Convert ratings to another layout.

    RAW is whatever `fastmf train` reads. OUT is a table where its name ends in .parquet, .csv or
    .tsv (columns user, item, rating and timestamp), and a store where it ends in .store or has no
    ending: a folder that opens by memory map and can be given wherever ratings are asked for.
    What cleaning takes away is said on stderr.
    """
    from fastmf.cli.rating_table import write_ratings
    from fastmf.data import write_store
    from fastmf.data.store_header import is_store
    from fastmf.data.table_files import check_table_target, is_table_name, table_writer

    as_table = is_table_name(out)
    if as_table:
        check_table_target(out)
    elif out.suffix.lower() not in ("", ".store") and not is_store(out):
        raise ParameterError(
            f"{out}: nothing is written under the ending {out.suffix}; use .parquet, .csv or .tsv "
            "for a table, .store for a store"
        )
    check_apart(out, raw)
    console = Console(quiet)
    ratings = load_ratings(raw, reading, console)
    with console.work(f"writing {out.name}", "ratings", len(ratings)) as progress:
        if as_table:
            with table_writer(out) as writer:
                write_ratings(ratings, writer, progress)
        else:
            write_store(ratings, out)
    console.note(f"{counted(len(ratings), 'rating')} written to {out}")

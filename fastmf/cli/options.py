"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

__all__ = [
    "ColumnOptions",
    "column_options",
    "id_column_options",
    "items_option",
    "json_option",
    "model_argument",
    "n_option",
    "quiet_option",
    "ratings_argument",
    "threads_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


class ColumnOptions(TypedDict):
    """Columns named on the command line, as `fastmf.read_ratings` takes them."""

    user_column: str | None
    item_column: str | None
    rating_column: str | None
    time_column: str | None


def _path_argument(name: str, metavar: str) -> Callable[[Command], Command]:
    # Whether the path exists is asked by the room that reads it: its message says more.
    return click.argument(name, metavar=metavar, type=click.Path(path_type=Path))


ratings_argument = _path_argument("ratings", "RATINGS")
model_argument = _path_argument("model", "MODEL")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of a table."
)
quiet_option = click.option(
    "--quiet", "-q", is_flag=True, help="No progress and no notes; errors are still printed."
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads; the result does not depend on it. [default: every processor]",
)
n_option = click.option(
    "-n", "n", type=click.IntRange(min=1), default=10, show_default=True, help="How many items."
)
items_option = click.option(
    "--items",
    "titles",
    metavar="TITLES",
    type=click.Path(path_type=Path),
    help="File of item ids and titles: CSV or TSV with a header, movies.dat (::), u.item (|).",
)


def _column_option(role: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{role}-column",
        metavar="NAME",
        help=f"Column of the {role}s; in a file without header its number. "
        "[default: found by its usual names]",
    )


def id_column_options(command: Command) -> Command:
    """Add ``--user-column`` and ``--item-column``."""
    return _column_option("user")(_column_option("item")(command))


def column_options(command: Command) -> Command:
    """Add the options that name the columns of a table of ratings."""
    for role in ("time", "rating"):
        command = _column_option(role)(command)
    return id_column_options(command)

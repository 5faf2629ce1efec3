"""Options and arguments that several commands share."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

from fastmf.cli.sections import SectionOption
from fastmf.parallel import MOST_THREADS

__all__ = [
    "NamedPath",
    "RawId",
    "id_column_options",
    "json_option",
    "max_memory_option",
    "model_argument",
    "n_option",
    "quiet_option",
    "ratings_argument",
    "reading_options",
    "threads_option",
    "titles_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_READING = (
    *("user_column", "item_column", "rating_column", "time_column"),
    *("duplicates", "on_bad_rows", "unrated", "cache"),
)


class NamedPath(click.ParamType[Path]):
    """A path; an empty text, which would mean the current folder, is refused."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path that a text names."""
        if not str(value):
            self.fail("an empty name names no file", param, ctx)
        return Path(value)


def _path_argument(name: str, metavar: str) -> Callable[[Command], Command]:
    # Whether the path exists is asked by the room that reads it: its message says more.
    return click.argument(name, metavar=metavar, type=NamedPath())


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
    type=click.IntRange(min=1, max=MOST_THREADS),
    metavar="N",
    help="Threads; the result does not depend on it. [default: every processor]",
)
n_option = click.option(
    "-n", "n", type=click.IntRange(min=1), default=10, show_default=True, help="How many items."
)
titles_option = click.option(
    "--items",
    "titles",
    metavar="TITLES",
    type=NamedPath(),
    help="File of item ids and titles: a table with a header (text, Parquet, RecBole's .item), or "
    "movies.dat, u.item, movie_titles.csv.",
)


class RawId(click.ParamType[str]):
    """An id or a name as it stands in a table: text that is valid UTF-8."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        try:
            str(value).encode()
        except UnicodeEncodeError:
            self.fail(f"{value!r} is not valid UTF-8", param, ctx)
        return str(value)


class MemorySize(click.ParamType[int]):
    """A number of bytes: ``1GiB``, ``1500MB``, ``2e9``."""

    name = "size"
    _UNITS: ClassVar[dict[str, int]] = {
        "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
        "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40,
        "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    }  # fmt: skip
    _LIMIT = 2**60

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes that a text means."""
        match = re.fullmatch(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([a-z]*)\s*", str(value).lower())
        try:
            size = float(match[1]) * self._UNITS[match[2]] if match else 0.0
        except (ValueError, KeyError):
            size = 0.0
        if size < 1:
            self.fail(f"{value!r} is no size; write it like 1GiB or 800MB", param, ctx)
        if size >= self._LIMIT:
            self.fail(f"{value!r} is too much; no machine has {self._LIMIT >> 40:,}TiB", param, ctx)
        return int(size)


max_memory_option = click.option(
    "--max-memory",
    type=MemorySize(),
    metavar="SIZE",
    help="Memory to keep to, like 1GiB: where the ratings do not fit beside the factors, they "
    "are streamed from a file, with the same result. [default: what is available]",
)


_reading_option = functools.partial(click.option, cls=SectionOption, section="Reading")


def _column_option(role: str) -> Callable[[Command], Command]:
    return _reading_option(
        f"--{role}-column",
        type=RawId(),
        metavar="NAME",
        help=f"Column of the {role}s; in a file without header its number. "
        "[default: found by its usual names]",
    )


def id_column_options(command: Command) -> Command:
    """Add ``--user-column`` and ``--item-column``."""
    return _column_option("user")(_column_option("item")(command))


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of reading ratings; the command gets them as one dict, ``reading``.

    Its entries are arguments of `fastmf.read_ratings`.
    """

    @functools.wraps(command)
    def gather(*arguments: Any, **options: Any) -> Any:
        reading = {name: options.pop(name) for name in _READING}
        return command(*arguments, reading=reading, **options)

    decorated: Callable[..., Any] = gather
    for option in (
        _reading_option(
            "--no-cache",
            "cache",
            is_flag=True,
            default=True,
            flag_value=False,
            help="Read the file again, and keep no copy of it in the cache.",
        ),
        _reading_option(
            "--duplicates",
            type=click.Choice(["last", "mean", "sum", "error"]),
            default="last",
            show_default=True,
            help="Which rating to keep where a user has rated an item more than once; sum adds up "
            "plays or clicks.",
        ),
        _reading_option(
            "--unrated",
            type=click.Choice(["drop", "interactions", "rating"]),
            default="drop",
            show_default=True,
            help="Rows whose rating means 'not rated', such as -1 in the anime databases: leave "
            "them out, or take the number as rating. With interactions every row counts as value 1 "
            "and needs no rating.",
        ),
        _reading_option(
            "--on-bad-rows",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="Stop at a row that cannot be used, or leave such rows out and say how many.",
        ),
        _column_option("time"),
        _column_option("rating"),
        id_column_options,
    ):
        decorated = option(decorated)
    return decorated

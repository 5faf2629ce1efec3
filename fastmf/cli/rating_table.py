"""Writing ratings as a table of raw ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmf import Ratings

__all__ = ["write_ratings"]


def write_ratings(ratings: Ratings, path: Path, progress: Callable[[int], None]) -> None:
    """Write ratings to a Parquet, CSV or TSV file, in bounded memory but for their times.

    Columns: user, item, rating, and timestamp (Unix seconds) where there are times.

    Parameters
    ----------
    ratings : Ratings
        Whole or a selection.
    path : pathlib.Path
        The file; it appears when it is whole.
    progress : callable
        Called with the rows written since the last call.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    from fastmf.cli.output import table_writer

    time = ratings.time
    row = 0
    with table_writer(path) as writer:
        for users, items, value in ratings.chunks():
            columns = {
                "user": ratings.users.take(users),
                "item": ratings.items.take(items),
                "rating": value,
            }
            if time is not None:
                columns["timestamp"] = time[row : row + len(value)]
            writer.write(columns)
            row += len(value)
            progress(len(value))

"""Writing ratings as a table of raw ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.data.table_files import TableWriter

__all__ = ["write_ratings"]

_ROWS = 1 << 20


def write_ratings(ratings: Ratings, writer: TableWriter, progress: Callable[[int], None]) -> None:
    """Write ratings as rows of raw ids, in bounded memory.

    Columns: user, item, rating, and timestamp (Unix seconds) where there are times.

    Parameters
    ----------
    ratings : Ratings
        Whole or a selection.
    writer : TableWriter
        From `fastmf.data.table_files.table_writer`.
    progress : callable
        Called with the rows written since the last call.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    for rows in ratings.ranges(_ROWS):
        users, items, value = ratings.chunk(*rows)
        time = ratings.times(*rows)
        columns = {
            "user": ratings.users.take(users),
            "item": ratings.items.take(items),
            "rating": value,
        }
        if time is not None:
            columns["timestamp"] = time
        writer.write(columns)
        progress(len(value))

"""Writing ratings as a table of raw ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmf import Ratings
    from fastmf.data.table_files import TableWriter

__all__ = ["write_ratings"]


def write_ratings(ratings: Ratings, writer: TableWriter, progress: Callable[[int], None]) -> None:
    """Write ratings as rows of raw ids, in bounded memory but for the times of a selection.

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
    time = ratings.time
    row = 0
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

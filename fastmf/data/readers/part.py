"""What every reader provides: a part of the data, as batches of raw columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from fastmf.data.columns import ColumnNames, Roles, Unrated
from fastmf.errors import DataError

__all__ = [
    "BATCH_ROWS",
    "BadRows",
    "Extent",
    "Layout",
    "Part",
    "RawBatch",
    "ReadOptions",
    "TextIdsError",
    "Unrated",
    "sliced",
    "unreadable",
]

BadRows = Literal["error", "skip"]

# Rows of a batch: large enough to amortise the steps, small enough that a few stay in memory.
BATCH_ROWS = 1 << 20


class RawBatch(NamedTuple):
    """Raw columns of some rows, as the file has them."""

    users: pa.Array
    items: pa.Array
    values: pa.Array
    time: pa.Array | None

    @classmethod
    def of(cls, columns: Iterable[pa.Array | None]) -> RawBatch:
        """Take columns in the order of their roles; without ratings, each row counts as 1."""
        users, items, values, time = columns
        assert users is not None
        if values is None:
            values = pa.array(np.ones(len(users), np.float32))
        return cls(users, items, values, time)


class Extent(NamedTuple):
    """What there is to read in a part."""

    n_rows: int
    has_time: bool


@dataclass(frozen=True)
class ReadOptions:
    """How to read a source.

    Parameters
    ----------
    names : ColumnNames
        Columns named by the caller.
    text_ids : frozenset of str
        Roles (``"user"``, ``"item"``) whose ids a text file holds as text, though some look like
        integers.
    on_bad_rows : {"error", "skip"}
        Whether a row that cannot be used is refused, or left out, counted and said.
    unrated : {"drop", "interactions", "rating"}
        What becomes of rows whose rating stands for "not rated" in the layout: left out, counted
        and said; or every row of the file becomes an interaction of value 1; or the number is
        taken as a rating like any other.
    """

    names: ColumnNames = field(default_factory=ColumnNames)
    text_ids: frozenset[str] = frozenset()
    on_bad_rows: BadRows = "error"
    unrated: Unrated = "drop"


class TextIdsError(Exception):
    """Ids of a text file looked like integers and turn out not to be: read again as text.

    Parameters
    ----------
    role : str
        ``"user"`` or ``"item"``.
    note : str or None, optional
        Which id made it so, where others look like integers.
    """

    def __init__(self, role: str, note: str | None = None) -> None:
        super().__init__(role)
        self.role = role
        self.note = note


class Part(ABC):
    """One file, or one table in memory: batches of raw columns in order.

    Attributes
    ----------
    name : str
        What messages call it.
    notes : list of str
        What opening it had to say.
    extent : Extent or None
        What there is to read, where the part says so before it is read.
    roles : Roles
        Which column is which, where columns have names.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[str] = []
        self.extent: Extent | None = None
        self.roles = Roles(0, 1, 2, None)

    @abstractmethod
    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that decode one batch each, in the order of the rows.

        Several are called at the same time, by the threads of a team, when `independent` is true.
        A function may return None for no rows.
        """

    @property
    def independent(self) -> bool:
        """Whether batches may be decoded at the same time."""
        return False

    def finish(self) -> list[str]:
        """Return what reading had to say, such as rows left out; called once all is decoded.

        Raises
        ------
        DataError
            When it turns out that not all was read.
        """
        return []

    def place(self, row: int) -> str:
        """Say where a row (from 0) is, for messages."""
        return f"{self.name}, row {row + 1}"


class Layout(NamedTuple):
    """One kind of file, and how to open it."""

    name: str
    matches: Callable[[Path, bytes], bool]  # path and first bytes of a file
    open: Callable[[Path, ReadOptions], Part]


def sliced(batch: RawBatch) -> Iterator[RawBatch]:
    """Cut a batch of any length into batches of at most `BATCH_ROWS` rows; nothing is copied."""
    for start in range(0, len(batch.values), BATCH_ROWS):
        yield RawBatch(
            *(None if column is None else column.slice(start, BATCH_ROWS) for column in batch)
        )


def unreadable(name: str, error: Exception) -> DataError:
    """Make the one line that says why a file cannot be read.

    Parameters
    ----------
    name : str
        The file.
    error : Exception
        What Arrow or the system said.

    Returns
    -------
    DataError
    """
    reason = str(error).strip().splitlines()
    what = reason[0] if reason else type(error).__name__
    return DataError(
        f"{name}: cannot be read, the file is damaged or cut short ({what}); copy or download it "
        "again"
    )

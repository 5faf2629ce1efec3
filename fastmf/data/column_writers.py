"""Columns on their way to disk, each in the narrowest type that fits what came so far."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.stored_columns import (
    KINDS,
    LAST_DAY,
    MOST_LEVELS,
    PIECE_ROWS,
    SECONDS_OF_DAY,
    as_seconds,
)
from fastmf.kernels.tables.column_codes import code_bytes, code_values, look_up_levels, narrow_days

__all__ = ["ColumnWriter", "ItemWriter", "TimeWriter", "UserWriter", "ValueWriter"]


class ColumnWriter(ABC):
    """Appends rows to a file, and rewrites them in a wider type where one does not fit.

    Rows wait in memory until `begin` says which file they go to.

    Parameters
    ----------
    scratch : pathlib.Path
        Beginning of the names of the files that a column makes for itself.

    Attributes
    ----------
    kind : dtype
        Type of the rows written.
    n_rows : int
        How many there are.
    path, offset : pathlib.Path or None, int
        Where they are, once there is a file.
    """

    name: ClassVar[str]

    def __init__(self, scratch: Path) -> None:
        self.kind: np.dtype[Any] = KINDS[self.name][0]
        self.n_rows = 0
        self.path: Path | None = None
        self.offset = 0
        self._scratch = scratch
        self._own: Path | None = None
        self._file: IO[bytes] | None = None
        self._waiting: list[Array] = []

    def append(self, rows: Array) -> None:
        """Write rows behind those before.

        Parameters
        ----------
        rows : ndarray
            (m,) of the column's widest type, or of one that it holds exactly.
        """
        for start in range(0, len(rows), PIECE_ROWS):
            piece = rows[start : start + PIECE_ROWS]
            while (narrow := self._narrowed(piece)) is None:
                self._widen()
            self.n_rows += len(piece)
            if self._file is None:
                self._waiting.append(narrow.copy())
            else:
                self._file.write(narrow.data)

    def begin(self, path: Path | None = None, offset: int = 0) -> None:
        """Go to a place in an existing file, or to a file of the column's own."""
        if path is None:
            path = self._own = self._scratch.with_name(f"{self._scratch.name}-{self.kind}")
            path.touch()
        self.path, self.offset = path, offset
        self._file = path.open("r+b")
        self._file.seek(offset)
        waiting, self._waiting = self._waiting, []
        for narrow in waiting:
            self._file.write(narrow.data)

    def close(self) -> None:
        """Bring all rows to the file."""
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Close, and remove the file of the column's own."""
        # What a full disk did not take, closing would try to write once more.
        with contextlib.suppress(OSError):
            self.close()
        if self._own is not None:
            self._own.unlink(missing_ok=True)

    @abstractmethod
    def _narrowed(self, piece: Array) -> Array | None:
        """Return up to `PIECE_ROWS` rows in the present type; None where they do not fit it."""

    def _widen(self) -> None:
        """Change to the next wider type, with all rows so far."""
        before = self.kind
        kinds = KINDS[self.name]
        self.kind = kinds[kinds.index(before) + 1]
        self._waiting = [self._widened(rows) for rows in self._waiting]
        if self._file is None or self.path is None:
            return
        self._file.close()
        narrow, offset, own = self.path, self.offset, self._own
        self.begin()
        with narrow.open("rb") as file:
            file.seek(offset)
            for start in range(0, self.n_rows, PIECE_ROWS):
                count = min(PIECE_ROWS, self.n_rows - start)
                rows = np.frombuffer(file.read(count * before.itemsize), before)
                self._file.write(self._widened(frozen(rows)).data)
        if own is not None:
            own.unlink()

    def _widened(self, narrow: Array) -> Array:
        """Return rows of the type before in the present type."""
        return narrow.astype(self.kind)


class UserWriter(ColumnWriter):
    """The column of users: always int32."""

    name = "user_index"

    def _narrowed(self, piece: Array) -> Array:
        return np.ascontiguousarray(piece, np.int32)


class ItemWriter(ColumnWriter):
    """The column of items: 16 bits for up to 65,536 of them."""

    name = "item_index"

    def _narrowed(self, piece: Array) -> Array | None:
        if self.kind == np.uint16 and len(piece) and piece.max() > np.iinfo(np.uint16).max:
            return None
        return piece.astype(self.kind)


class ValueWriter(ColumnWriter):
    """The column of ratings: codes of 8 bits for up to 256 distinct ones.

    Attributes
    ----------
    levels : (256,) float32
        The rating of each code, in order of first appearance.
    n_levels : int
        How many there are; 0 once ratings are not coded any more.
    """

    name = "value"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.levels = np.zeros(MOST_LEVELS, np.float32)
        self.n_levels = 0
        self._table = np.zeros(1024, np.uint32), np.zeros(1024, np.uint8), np.zeros(1024, np.uint8)
        self._wide = np.empty(PIECE_ROWS, np.float32)
        self._codes = np.empty(PIECE_ROWS, np.uint8)
        # By the type of the bytes: -1 has those of 255.
        self._code_of_byte: dict[np.dtype[Any], Array] = {}

    def _narrowed(self, piece: Array) -> Array | None:
        if self.kind == np.uint8 and piece.dtype in (np.int8, np.uint8):
            return self._coded_bytes(piece)
        wide = self._wide[: len(piece)]
        np.copyto(wide, piece, casting="unsafe")
        return wide if self.kind == np.float32 else self._coded(wide)

    def _coded(self, wide: Array) -> Array | None:
        codes = self._codes[: len(wide)]
        count = np.int64(self.n_levels)
        rows, count = code_values(frozen(wide), *self._table, self.levels, count, codes)
        self.n_levels = int(count)
        return codes if rows == len(wide) else None

    def _coded_bytes(self, piece: Array) -> Array | None:
        code_of_byte = self._code_of_byte.setdefault(piece.dtype, np.full(256, -1, np.int16))
        values = frozen(piece).view(np.uint8)
        codes = np.empty(len(piece), np.uint8)
        row = 0
        while True:
            row = int(code_bytes(values, np.int64(row), code_of_byte, codes))
            if row == len(values):
                return codes
            coded = self._coded(piece[row : row + 1].astype(np.float32))
            if coded is None:
                return None
            code_of_byte[values[row]] = coded[0]

    def _widened(self, narrow: Array) -> Array:
        values = np.empty(len(narrow), np.float32)
        look_up_levels(frozen(narrow), frozen(self.levels), values)
        return values

    def _widen(self) -> None:
        super()._widen()
        self.n_levels = 0


class TimeWriter(ColumnWriter):
    """The column of times: days where all are midnights, else seconds; from 1970 to 2106, or any.

    Takes seconds, and days as they are.
    """

    name = "time"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._days = np.empty(PIECE_ROWS, np.uint16)

    def _narrowed(self, piece: Array) -> Array | None:
        if self.kind == np.uint16 and piece.dtype == np.uint16:
            return piece
        piece = as_seconds(piece)
        if self.kind == np.uint16:
            days = self._days[: len(piece)]
            fits = narrow_days(piece, days) and days.max() <= LAST_DAY
            return days if fits else None
        if self.kind == np.uint32 and (piece.min() < 0 or piece.max() > np.iinfo(np.uint32).max):
            return None
        return piece.astype(self.kind)

    def _widened(self, narrow: Array) -> Array:
        if narrow.dtype == np.uint16:
            return np.multiply(narrow, SECONDS_OF_DAY, dtype=self.kind)
        return super()._widened(narrow)

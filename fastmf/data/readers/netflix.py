"""Ratings of the Netflix Prize: a line ``movie:`` above its lines ``user,rating,date``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa

from fastmf.data.arrays import Array
from fastmf.data.arrow_views import as_arrow
from fastmf.data.readers.netflix_chunks import CHUNK_BYTES, Chunk, ChunkReader, Piece, line_at
from fastmf.data.readers.netflix_lines import (
    HEAD_BYTES,
    complaint_about_rating,
    is_netflix_name,
    is_pair_list,
    is_ratings,
)
from fastmf.data.readers.part import Layout, Part, RawBatch, ReadOptions
from fastmf.data.readers.sifted import left_out_note
from fastmf.errors import DataError
from fastmf.kernels.text.netflix import read_movie_ratings

__all__ = ["NETFLIX", "NETFLIX_LIST", "NetflixPart", "together"]

# "1,1,2005-01-01" and its line end: no row takes less.
_SHORTEST_ROW = 15
_NAMED_PLACES = 5


class _Place(NamedTuple):
    """A line that cannot be used."""

    path: Path
    offset: int
    complaint: str

    @property
    def line(self) -> int:
        return line_at(self.path, self.offset)


class _Outcome(NamedTuple):
    """What parsing a chunk found; the first few of the lines that cannot be used."""

    n_rows: int
    n_bad: int
    bad: list[_Place]


class _Rows:
    """Room for rows, filled piece by piece."""

    def __init__(self, n_rows: int) -> None:
        self.columns: tuple[Array, Array, Array, Array] = (
            np.empty(n_rows, np.int64),
            np.empty(n_rows, np.int64),
            np.empty(n_rows, np.uint8),
            np.empty(n_rows, np.int32),
        )
        self.n_rows = 0
        self.bad = np.empty(_NAMED_PLACES, np.int64)

    def read(self, text: Array, piece: Piece, *, skip: bool) -> tuple[int, int]:
        """Read a piece; return where it ended, and how many lines could not be used."""
        at, _, n_rows, n_bad = read_movie_ratings(
            text,
            np.int64(piece.start),
            np.int64(piece.stop),
            np.int64(piece.movie),
            skip,
            *self.columns,
            np.int64(self.n_rows),
            self.bad,
            np.int64(0),
        )
        self.n_rows = int(n_rows)
        return int(at), int(n_bad)

    def batch(self) -> RawBatch | None:
        """Return the rows there are, None without any."""
        if self.n_rows == 0:
            return None
        users, items, ratings, days = (as_arrow(c[: self.n_rows]) for c in self.columns)
        return RawBatch(users, items, ratings, days.view(pa.date32()))


class NetflixPart(Part):
    """One or more files of the Netflix Prize, read as one: the 17,770 of its folder are small.

    Parameters
    ----------
    path : pathlib.Path
        The first file, plain or compressed.
    options : ReadOptions
        How to read it.
    more : sequence of pathlib.Path, optional
        Files that follow.
    chunk_bytes : int, optional
        How much text is parsed at a time.

    Raises
    ------
    DataError
        Where columns are named, of which the layout has none.
    """

    def __init__(
        self,
        path: Path,
        options: ReadOptions,
        more: Sequence[Path] = (),
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        super().__init__(str(path.parent) if more else str(path))
        self._paths = [path, *more]
        self._chunk_bytes = chunk_bytes
        self._skip = options.on_bad_rows == "skip"
        self._outcomes: dict[int, _Outcome] = {}
        named = next((name for name in options.names if name is not None), None)
        if named is not None:
            raise DataError(
                f"{path}: ratings of the Netflix Prize, in whose files no column has a name; leave "
                f"out the name {named!r}"
            )

    @property
    def independent(self) -> bool:
        """Chunks are parsed at the same time."""
        return True

    def batches(self) -> Iterator[Callable[[], RawBatch | None]]:
        """Yield functions that parse one chunk each."""
        reader = ChunkReader(self._paths, self._chunk_bytes)
        for chunk in reader.chunks():
            yield partial(self._parse, reader, chunk)

    def _parse(self, reader: ChunkReader, chunk: Chunk) -> RawBatch | None:
        n_bytes = sum(piece.stop - piece.start for piece in chunk.pieces)
        rows = _Rows(n_bytes // _SHORTEST_ROW + len(chunk.pieces))
        text = chunk.array()
        n_bad = 0
        named: list[_Place] = []
        for piece in chunk.pieces:
            _, more = rows.read(text, piece, skip=self._skip)
            for at in rows.bad[: min(more, _NAMED_PLACES - len(named))].tolist():
                complaint = complaint_about_rating(chunk.line(piece, at))
                named.append(_Place(piece.path, piece.offset + at - piece.start, complaint))
            n_bad += more
            if n_bad and not self._skip:
                raise DataError(f"{named[0].path}, line {named[0].line}: {named[0].complaint}")
        self._outcomes[chunk.number] = _Outcome(rows.n_rows, n_bad, named)
        reader.give_back(chunk)
        return rows.batch()

    def finish(self) -> list[str]:
        """Return how many lines were left out, and which."""
        outcomes = [self._outcomes[number] for number in sorted(self._outcomes)]
        n_bad = sum(outcome.n_bad for outcome in outcomes)
        places = chain.from_iterable(outcome.bad for outcome in outcomes)
        first = [
            f"{f'{place.path.name}, ' if len(self._paths) > 1 else ''}line {place.line}: "
            f"{place.complaint}"
            for place in islice(places, _NAMED_PLACES)
        ]
        return [left_out_note(self.name, n_bad, first)] if n_bad else []

    def place(self, row: int) -> str:
        """Say in which line of which file a row (from 0) is."""
        for chunk in ChunkReader(self._paths, self._chunk_bytes).chunks():
            outcome = self._outcomes.get(chunk.number)
            if outcome is None:
                break
            if row < outcome.n_rows:
                return self._place_in(chunk, row)
            row -= outcome.n_rows
        return super().place(row)

    def _place_in(self, chunk: Chunk, row: int) -> str:
        """Say where a row of a chunk is: in front of it, there is room for no more rows."""
        rows = _Rows(row)
        for piece in chunk.pieces:
            at, _ = rows.read(chunk.array(), piece, skip=self._skip)
            if at < piece.stop:
                line = line_at(piece.path, piece.offset + at - piece.start)
                return f"{piece.path}, line {line}"
        return super().place(row)


def together(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Group files in order: those of the Netflix Prize that follow each other are read as one.

    Parameters
    ----------
    paths : sequence of pathlib.Path

    Yields
    ------
    list of pathlib.Path
    """
    group: list[Path] = []
    for path in paths:
        if group and not (is_netflix_name(path) and is_netflix_name(group[0])):
            yield from _grouped(group)
            group = []
        group.append(path)
    yield from _grouped(group)


def _grouped(paths: list[Path]) -> list[list[Path]]:
    """Keep files together, if the first is not something else under such a name."""
    if len(paths) > 1:
        with paths[0].open("rb") as file:
            if is_ratings(paths[0], file.read(HEAD_BYTES)):
                return [paths]
    return [[path] for path in paths]


def _refuse(path: Path, options: ReadOptions) -> NoReturn:
    raise DataError(
        f"{path}: a list of movies and users without ratings, like the Netflix Prize's probe and "
        "qualifying lists; give the ratings (combined_data_1.txt ... or the folder of mv_*.txt)"
    )


NETFLIX = Layout("Netflix Prize", is_ratings, NetflixPart)
NETFLIX_LIST = Layout("list of the Netflix Prize", is_pair_list, _refuse)

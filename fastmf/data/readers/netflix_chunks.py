"""Text of the Netflix Prize cut into chunks of whole lines, each with the movie it begins in.

The movie of a line stands on a line before it, maybe many megabytes before. So files are read in
order, by one thread, which looks for the last movie of a chunk from its end backwards while it is
in the cache; chunks are then parsed at the same time, by all threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from fastmf.data.arrays import Array, frozen
from fastmf.data.readers.compression import open_text
from fastmf.errors import DataError
from fastmf.kernels.text.netflix import NO_MOVIE

__all__ = ["BYTE_ORDER_MARK", "Chunk", "ChunkReader", "Piece", "line_at"]

CHUNK_BYTES = 4 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_COUNTED_BYTES = 1 << 20
# Nothing that is longer than this without a line end has lines of ratings.
_LONGEST_LINE = 1 << 20
# What the kernels read as the line of a movie, at its start and at its end.
_MOVIE = re.compile(rb"(0|-?[1-9][0-9]{0,17}):[ \t\r]*(?:\n|\Z)")
_ENDS_LINE = re.compile(rb":[ \t\r]*(?:\n|\Z)")


class Piece(NamedTuple):
    """Whole lines of one file."""

    path: Path
    offset: int  # where they begin in the file, decompressed
    start: int  # where they begin and end in the chunk
    stop: int
    movie: int  # of the lines before the first that names one


class Chunk(NamedTuple):
    """Pieces of one file after the other."""

    number: int
    text: bytearray
    pieces: list[Piece]

    def array(self) -> Array:
        """Return the text, read-only."""
        return frozen(np.frombuffer(self.text, np.uint8))

    def line(self, piece: Piece, at: int) -> bytes:
        """Return the line of a piece that begins at a position of the chunk."""
        end = self.text.find(b"\n", at, piece.stop)
        return bytes(self.text[at : piece.stop if end < 0 else end])


class ChunkReader:
    """Reads files one after the other into chunks.

    Files are read into a few buffers that are used again, and not mapped: a mapped file that
    another process cuts short ends this one with a signal. Copying a cached file into them takes
    0.13 s a GB, a twentieth of what it takes to a ready store.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The files, plain or compressed.
    chunk_bytes : int, optional
        Size of a chunk.
    """

    def __init__(self, paths: Sequence[Path], chunk_bytes: int = CHUNK_BYTES) -> None:
        self._paths = paths
        self._chunk_bytes = chunk_bytes
        self._buffers: SimpleQueue[bytearray] = SimpleQueue()

    def give_back(self, chunk: Chunk) -> None:
        """Let the memory of a chunk be used for another; nothing may view it any more."""
        self._buffers.put(chunk.text)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks in order.

        Raises
        ------
        DataError
            On a line without an end.
        """
        chunk = self._new_chunk(0)
        filled = 0
        for path in self._paths:
            with open_text(path) as file:
                piece, start = Piece(path, 0, 0, 0, int(NO_MOVIE)), filled
                while True:
                    filled, piece, finished = self._read_piece(file, chunk, start, filled, piece)
                    if piece.stop > piece.start:
                        chunk.pieces.append(piece)
                    if finished:
                        break
                    rest = bytes(chunk.text[piece.stop : filled])
                    piece = piece._replace(
                        offset=piece.offset + piece.stop - piece.start,
                        movie=_last_movie(chunk.text, piece),
                    )
                    yield chunk
                    chunk = self._new_chunk(chunk.number + 1)
                    chunk.text[: len(rest)] = rest
                    start, filled = 0, len(rest)
        if chunk.pieces:
            yield chunk

    def _new_chunk(self, number: int) -> Chunk:
        try:
            text = self._buffers.get_nowait()
        except Empty:
            # A byte more, for the line end that the last line of a file may lack.
            text = bytearray(self._chunk_bytes + 1)
        return Chunk(number, text, [])

    def _read_piece(
        self, file: Any, chunk: Chunk, start: int, filled: int, before: Piece
    ) -> tuple[int, Piece, bool]:
        """Read a file on, behind the piece before, until it ends or the chunk is full.

        The chunk holds `filled` bytes, those from `start` on of this file. Returns the bytes that
        it holds then, the whole lines of the file, and whether the file ended.
        """
        text, offset = chunk.text, before.offset
        finished = False
        with memoryview(text) as view:
            while filled < self._chunk_bytes and not finished:
                read = file.readinto(view[filled : self._chunk_bytes])
                filled += read
                finished = not read
        if offset == 0 and text.startswith(BYTE_ORDER_MARK, start, filled):
            offset = len(BYTE_ORDER_MARK)
            start += offset
        if finished:
            if filled > start and text[filled - 1] != ord("\n"):
                text[filled] = ord("\n")
                filled += 1
            return filled, Piece(before.path, offset, start, filled, before.movie), True
        stop = text.rfind(b"\n", start, filled) + 1
        if stop == 0:
            stop = start
            if filled - start > min(_LONGEST_LINE, self._chunk_bytes - 1 - offset):
                raise DataError(
                    f"{before.path}, line {line_at(before.path, offset)}: this line does not end "
                    f"within {filled - start:,} bytes; the file is damaged"
                )
        return filled, Piece(before.path, offset, start, stop, before.movie), False


def _last_movie(text: bytearray, piece: Piece) -> int:
    """Return the movie that the line after a piece belongs to."""
    at = piece.stop
    while True:
        at = text.rfind(b":", piece.start, at)
        if at < 0:
            return piece.movie
        if _ENDS_LINE.match(text, at, piece.stop):
            begin = max(text.rfind(b"\n", piece.start, at) + 1, piece.start)
            named = _MOVIE.match(text, begin, piece.stop)
            return int(named[1]) if named else int(NO_MOVIE)


def line_at(path: Path, offset: int) -> int:
    """Return the number of the line at a place of a file, by reading it again: for messages.

    Parameters
    ----------
    path : pathlib.Path
        The file, plain or compressed.
    offset : int
        Bytes before the line, decompressed.

    Returns
    -------
    int
        From 1.
    """
    line = 1
    with open_text(path) as file:
        while offset > 0:
            text = file.read(min(offset, _COUNTED_BYTES))
            if not text:
                break
            line += text.count(b"\n")
            offset -= len(text)
    return line

"""Lists of users and movies without ratings, as the Netflix Prize's probe and qualifying lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fastmf.data.arrays import Array
from fastmf.data.readers.netflix_chunks import ChunkReader, line_at
from fastmf.data.readers.netflix_lines import complaint_about_user
from fastmf.data.readers.part import unreadable
from fastmf.errors import DataError, FastMFError
from fastmf.kernels.text.netflix import read_movie_users

__all__ = ["read_pair_list"]

_CHUNK_BYTES = 1 << 20
_SHORTEST_ROW = 2  # "1" and its line end


def read_pair_list(path: str | Path) -> tuple[Array, Array]:
    """Read a list of users under the movies they are listed for.

    Lines are ``movie:``, and under it ``user`` or ``user,date``, as in ``probe.txt`` and
    ``qualifying.txt`` of the Netflix Prize; plain or compressed.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    user_ids : (m,) int64 ndarray
        Raw ids, in the order of the file.
    item_ids : (m,) int64 ndarray
        Raw ids of the movies.

    Raises
    ------
    DataError
        When the file cannot be read or holds anything else; says in which line.
    """
    path = Path(path)
    try:
        pieces = list(_read_pieces(path))
    except FastMFError:
        raise
    except OSError as error:
        if error.strerror:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        raise unreadable(str(path), error) from error
    if not pieces:
        raise DataError(f"{path}: no users and movies in it")
    users, items = zip(*pieces, strict=True)
    return np.concatenate(users), np.concatenate(items)


def _read_pieces(path: Path) -> Iterator[tuple[Array, Array]]:
    """Read the list a chunk at a time."""
    reader = ChunkReader([path], _CHUNK_BYTES)
    users, items = (np.empty(_CHUNK_BYTES // _SHORTEST_ROW + 1, np.int64) for _ in range(2))
    for chunk in reader.chunks():
        for piece in chunk.pieces:
            at, _, n_rows = read_movie_users(
                chunk.array(),
                np.int64(piece.start),
                np.int64(piece.stop),
                np.int64(piece.movie),
                users,
                items,
                np.int64(0),
            )
            if at < piece.stop:
                line = line_at(path, piece.offset + int(at) - piece.start)
                complaint = complaint_about_user(chunk.line(piece, int(at)))
                raise DataError(f"{path}, line {line}: {complaint}")
            if n_rows:
                yield users[:n_rows].copy(), items[:n_rows].copy()
        reader.give_back(chunk)

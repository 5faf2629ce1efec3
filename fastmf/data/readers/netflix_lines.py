"""The lines of the Netflix Prize: how its files are told, and what is wrong with a line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fastmf.data.readers.compression import open_text
from fastmf.data.readers.dialect import shortened
from fastmf.errors import DataError

__all__ = [
    "HEAD_BYTES",
    "complaint_about_rating",
    "complaint_about_user",
    "is_netflix_name",
    "is_pair_list",
    "is_ratings",
    "text_head",
    "without_companions",
]

HEAD_BYTES = 4096

_LINE_END = rb"[ \t]*(?:\r?\n\s*|\Z)"
_BEGIN = rb"(?:\xef\xbb\xbf)?\s*"
_MOVIE = rb"-?[0-9]+:" + _LINE_END
_DATE = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOVIES = re.compile(_BEGIN + _MOVIE)
_HEADLESS = re.compile(_BEGIN + rb"[0-9]+,[1-5]," + _DATE + _LINE_END)
_USERS = re.compile(_BEGIN + rb"(?:" + _MOVIE + rb")+-?[0-9]+(?:," + _DATE + rb")?[ \t]*\r?\n")
_THREE_FIELDS = re.compile(rb"^[^,\n]*,[^,\n]*,", re.MULTILINE)

_NO_MOVIE = "no movie is named above this line (as in '1:'); give the file from its beginning"
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLAIN = frozenset(b"0123456789- \t\r\n\xef")

_NAME = re.compile(r"(combined_\w+|mv_[0-9]+)\.txt(\.\w+)?", re.IGNORECASE)
_COMPANION = re.compile(
    r"(movie_titles\.(csv|txt)|(probe|qualifying|judging|readme)\.txt)(\.\w+)?", re.IGNORECASE
)


def text_head(path: Path, head: bytes) -> bytes:
    """Return the first bytes of a file's text.

    Parameters
    ----------
    path : pathlib.Path
        The file, plain or compressed.
    head : bytes
        Its first bytes as they are.

    Returns
    -------
    bytes
        Empty where a compressed file cannot be read: that is for its reader to say.
    """
    if head[:1] in (b"", *(bytes([byte]) for byte in _PLAIN)):
        return head
    try:
        with open_text(path) as file:
            text: bytes = file.read(HEAD_BYTES)
            return text
    except (OSError, DataError):
        return b""


def is_ratings(path: Path, head: bytes) -> bool:
    """Tell ratings of the Netflix Prize by a file's first bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file, plain or compressed.
    head : bytes
        Its first bytes as they are.

    Returns
    -------
    bool
        True also for a piece of such a file that begins without a movie.
    """
    text = text_head(path, head)
    return bool(_MOVIES.match(text) or _HEADLESS.match(text)) and not _is_pair_list(text)


def is_pair_list(path: Path, head: bytes) -> bool:
    """Tell a list of movies and users, such as the probe list, by a file's first bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file, plain or compressed.
    head : bytes
        Its first bytes as they are.

    Returns
    -------
    bool
    """
    return _is_pair_list(text_head(path, head))


def _is_pair_list(text: bytes) -> bool:
    return _USERS.match(text) is not None and not _THREE_FIELDS.search(text)


def is_netflix_name(path: Path) -> bool:
    """Whether a file has a name under which ratings of the Netflix Prize are handed on.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    bool
    """
    return _NAME.fullmatch(path.name) is not None


def without_companions(files: list[Path]) -> list[Path]:
    """Leave titles and lists out of the files of a folder, where ratings of the Prize are in it.

    Parameters
    ----------
    files : list of pathlib.Path
        Files that could hold ratings.

    Returns
    -------
    list of pathlib.Path
    """
    if not any(is_netflix_name(file) for file in files):
        return files
    return [file for file in files if not _COMPANION.fullmatch(file.name)]


def _fields(line: bytes, expected: str) -> tuple[list[str], str | None]:
    """Part a line into its fields; return them and what is wrong with it as a whole."""
    if b"\0" in line:
        return [], "a NUL byte, which text does not hold; the file is damaged"
    text = line.decode("utf-8", errors="replace").rstrip(" \t\r\n")
    if text.endswith(":"):
        return [], f"the movie id is {shortened(text[:-1])!r}, not a whole number"
    fields = text.split(",")
    if str(len(fields)) not in expected:
        count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
        return fields, f"{count} instead of {expected}"
    if not _WHOLE_NUMBER.fullmatch(fields[0]):
        return fields, f"the user id is {shortened(fields[0])!r}, not a whole number"
    return fields, None


def complaint_about_rating(line: bytes) -> str:
    """Say what is wrong with a line that the kernel could not read as a rating.

    Parameters
    ----------
    line : bytes
        The line, with or without its end.

    Returns
    -------
    str
    """
    fields, complaint = _fields(line, "3 (user, rating, date)")
    if complaint is None and fields[1] not in ("1", "2", "3", "4", "5"):
        complaint = f"the rating is {shortened(fields[1])!r}, not a whole number from 1 to 5"
    return complaint or _complaint_about_date(fields[2]) or _NO_MOVIE


def complaint_about_user(line: bytes) -> str:
    """Say what is wrong with a line that the kernel could not read as a user of a list.

    Parameters
    ----------
    line : bytes
        The line, with or without its end.

    Returns
    -------
    str
    """
    fields, complaint = _fields(line, "1 or 2 (user, date)")
    if complaint is None and len(fields) == 2:
        complaint = _complaint_about_date(fields[1])
    if len(fields) == 3:
        complaint = f"{complaint}; this is no list, but ratings"
    return complaint or _NO_MOVIE


def _complaint_about_date(date: str) -> str | None:
    day = date if _DAY.fullmatch(date) else ""
    try:
        np.datetime64(day or "x", "D")
    except ValueError:
        return f"the date is {shortened(date)!r}, not a day as 2005-12-31"
    return None

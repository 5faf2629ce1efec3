"""Slow twins of fastmf.kernels.text.netflix: regular expressions, a line at a time."""

import datetime
import re

_ID = rb"(0|-?[1-9][0-9]{0,17})"
_DAY = rb"([0-9]{4}-[0-9]{2}-[0-9]{2})"
_END = rb"[ \t\r]*"
_MOVIE = re.compile(_ID + rb":" + _END)
_RATING = re.compile(_ID + rb",([1-5])," + _DAY + _END)
_USER = re.compile(_ID + rb"(?:," + _DAY + rb")?" + _END)
_EPOCH = datetime.date(1970, 1, 1)


def lines(text: bytes):
    """Yield the position and the bytes of every line."""
    at = 0
    for line in text.split(b"\n"):
        yield at, line
        at += len(line) + 1


def days(text: bytes) -> int | None:
    try:
        return (datetime.date.fromisoformat(text.decode()) - _EPOCH).days
    except ValueError:
        return None


def read_movie_ratings(text: bytes, movie: int | None, skip: bool):
    """Return rows (user, movie, rating, day), positions of unusable lines, and the last movie."""
    rows, bad = [], []
    for at, line in lines(text):
        named, rating = _MOVIE.fullmatch(line), _RATING.fullmatch(line)
        if named:
            movie = int(named[1])
        elif rating and movie is not None and days(rating[3]) is not None:
            rows.append((int(rating[1]), movie, int(rating[2]), days(rating[3])))
        elif line.strip(b" \t\r"):
            bad.append(at)
            if not skip:
                break
            if line.rstrip(b" \t\r").endswith(b":"):
                movie = None
    return rows, bad, movie


def read_movie_users(text: bytes, movie: int | None):
    """Return rows (user, movie), the position of the first unusable line, and the last movie."""
    rows = []
    for at, line in lines(text):
        named, user = _MOVIE.fullmatch(line), _USER.fullmatch(line)
        if named:
            movie = int(named[1])
        elif user and movie is not None and (user[2] is None or days(user[2]) is not None):
            rows.append((int(user[1]), movie))
        elif line.strip(b" \t\r"):
            return rows, at, movie
    return rows, None, movie

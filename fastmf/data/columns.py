"""Which column is which, told by their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from fastmf.errors import DataError

__all__ = ["ColumnNames", "Marker", "Roles", "Unrated", "find_columns"]

Unrated = Literal["drop", "interactions", "rating"]

# The usual names, compared without case, underscores, spaces, dots and hyphens.
# fmt: off
_USER_NAMES = frozenset((
    "user", "userid", "uid", "users", "customer", "customerid", "custid", "reviewer",
    "reviewerid", "member", "memberid", "viewer", "viewerid", "reader", "readerid", "listener",
    "listenerid", "account", "accountid", "profile", "profileid", "person", "personid", "client",
    "clientid", "visitor", "visitorid", "rater", "raterid", "author", "authorid",
))
_ITEM_NAMES = frozenset((
    "item", "itemid", "iid", "items", "movie", "movieid", "film", "filmid", "anime", "animeid",
    "manga", "mangaid", "product", "productid", "prod", "prodid", "book", "bookid", "isbn",
    "asin", "parentasin", "track", "trackid", "song", "songid", "artist", "artistid", "album",
    "albumid", "show", "showid", "game", "gameid", "appid", "joke", "jokeid", "recipe",
    "recipeid", "business", "businessid", "restaurant", "restaurantid", "place", "placeid",
    "article", "articleid", "video", "videoid", "beer", "beerid", "course", "courseid",
))
_RATING_NAMES = frozenset((
    "rating", "ratings", "feedback", "score", "scores", "stars", "star", "value", "overall",
    "grade", "preference", "bookrating", "userrating", "ratingvalue", "ratingscore",
    "reviewscore", "reviewrating",
))
_TIME_NAMES = frozenset((
    "timestamp", "time", "date", "datetime", "ts", "unixtime", "unixreviewtime",
    "ratingtimestamp", "ratingtime", "ratingdate", "reviewtime", "reviewdate", "ratedat",
    "createdat",
))
# The anime databases: MyAnimeList's export of 2016 and what was made from it write -1 for "watched,
# not rated"; that of 2020 has a watching status, and 0 for "not rated".
_ANIME_NAMES = frozenset(("anime", "animeid", "animeids", "malid"))
_STATUS_NAME = "watchingstatus"
_LONGEST_SHOWN = 40
# fmt: on


class ColumnNames(NamedTuple):
    """Columns named by the caller; None leaves one to be found."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None


class Marker(NamedTuple):
    """A number in the column of ratings that is no rating."""

    value: int
    meaning: str


class Roles(NamedTuple):
    """The place of each column among the columns of a source."""

    user: int
    item: int
    rating: int | None  # None where every row is an interaction
    time: int | None
    note: str | None = None
    marker: Marker | None = None  # what rows to leave out have in the column of ratings


_NOT_RATED = Marker(-1, "watched, not rated")
_NO_SCORE = Marker(0, "not rated")
_NOT_WATCHED = Marker(6, "plan to watch")


def find_columns(
    found: Sequence[str], named: ColumnNames, source: str, unrated: Unrated = "drop"
) -> Roles:
    """Find the user, item, rating and time columns.

    In the anime databases, known by the name of their item column, a rating can stand for "not
    rated". What does is told by the names of the columns alone: in other data, -1 and 0 are
    ratings.

    Parameters
    ----------
    found : sequence of str
        The names of the source's columns.
    named : ColumnNames
        Those the caller named; the others go by their usual names.
    source : str
        What is being read, for messages.
    unrated : {"drop", "interactions", "rating"}, optional
        As in `fastmf.data.readers.part.ReadOptions`. For interactions a watching status, where
        there is one, takes the place of the rating: who plans to watch has not watched. They need
        no rating at all.

    Returns
    -------
    Roles
        `time` is None where there is no such column, or several; in that case `note` says so.
        `rating` is None for interactions without a column of ratings.
        `marker` is None where every number is a rating, or every row an interaction.

    Raises
    ------
    DataError
        When a named column does not exist, or a usual name is missing or fits several columns.
    """
    user = _find_one("user", found, named.user, _USER_NAMES, source)
    item = _find_one("item", found, named.item, _ITEM_NAMES, source)
    rating = _find_rating(found, named.rating, source, unrated)
    if len({user, item, rating}) < 3:
        raise DataError(
            f"{source}: one column cannot be two of user, item and rating; "
            f"columns found: {_listed(found)}"
        )
    time, note = _find_time(found, named.time, source, {user, item, rating})
    rating, marker = _find_marker(found, item, rating, unrated)
    return Roles(user, item, rating, time, note, marker)


def _find_rating(
    found: Sequence[str], name: str | None, source: str, unrated: Unrated
) -> int | None:
    """Return the place of the ratings; None for interactions that have none."""
    unnamed = name is None and not any(_plain(other) in _RATING_NAMES for other in found)
    if unnamed and unrated == "interactions":
        return None
    try:
        return _find_one("rating", found, name, _RATING_NAMES, source)
    except DataError as error:
        remedy = "; or take each row for an interaction with --unrated interactions"
        raise DataError(f"{error}{remedy if unnamed else ''}") from None


def _find_time(
    found: Sequence[str], name: str | None, source: str, taken: Collection[int | None]
) -> tuple[int | None, str | None]:
    """Return the place of the times, and a note where it is doubtful."""
    if name is not None:
        return _find_named("time", found, name, source), None
    times = [place for place, name in enumerate(found) if _plain(name) in _TIME_NAMES]
    times = [place for place in times if place not in taken]
    if len(times) > 1:
        candidates = " and ".join(repr(_shown(found[place])) for place in times[:12])
        note = f"{source}: {candidates} could each be the time: left out (--time-column names one)"
        return None, note
    return times[0] if times else None, None


def _find_marker(
    found: Sequence[str], item: int, rating: int | None, unrated: Unrated
) -> tuple[int | None, Marker | None]:
    """Return the place of what tells ratings, and the number in it that is none."""
    names = [_plain(name) for name in found]
    if names[item] not in _ANIME_NAMES or unrated == "rating":
        return rating, None
    if unrated == "interactions":
        if _STATUS_NAME in names:
            return names.index(_STATUS_NAME), _NOT_WATCHED
        return rating, None
    if rating is None or names[rating] not in _RATING_NAMES:  # such as the episodes watched
        return rating, None
    return rating, _NO_SCORE if _STATUS_NAME in names else _NOT_RATED


def _plain(name: str) -> str:
    """Reduce a column name to what is compared."""
    return re.sub(r"[\s_.\-]", "", _untyped(name)).lower()


def _untyped(name: str) -> str:
    """Take off the type that RecBole's files write behind the name: ``user_id:token``."""
    return re.sub(r":(token|float)(_seq)?$", "", name)


def _shown(name: str) -> str:
    """Return a column name as it can stand in a line: of a damaged file it may hold anything."""
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    return printable if len(printable) <= _LONGEST_SHOWN else printable[:_LONGEST_SHOWN] + "..."


def _listed(found: Sequence[str]) -> str:
    """List column names in a message, not more than fit on a line."""
    shown = ", ".join(_shown(name) for name in found[:12])
    return f"{shown}, ... ({len(found)} in all)" if len(found) > 12 else shown


def _find_named(role: str, found: Sequence[str], name: str, source: str) -> int:
    places = [place for place, other in enumerate(found) if name in (other, _untyped(other))]
    if len(places) == 1:
        return places[0]
    if places:
        raise DataError(f"{source}: {len(places)} columns are called {name!r}")
    close = difflib.get_close_matches(name, found, n=1)
    hint = f" (did you mean {_shown(close[0])!r}?)" if close else ""
    raise DataError(
        f"{source}: no column {name!r}{hint}; columns found: {_listed(found)}; "
        f"name one of them with --{role}-column ({role}_column= in Python)"
    )


def _find_one(
    role: str, found: Sequence[str], name: str | None, usual: frozenset[str], source: str
) -> int:
    if name is not None:
        return _find_named(role, found, name, source)
    places = [place for place, other in enumerate(found) if _plain(other) in usual]
    if len(places) == 1:
        return places[0]
    remedy = f"name it with --{role}-column ({role}_column= in Python)"
    if places:
        candidates = " and ".join(repr(_shown(found[place])) for place in places[:12])
        raise DataError(f"{source}: {candidates} could each be the {role} column; {remedy}")
    raise DataError(f"{source}: no {role} column; columns found: {_listed(found)}; {remedy}")

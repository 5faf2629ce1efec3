"""Which column is which, told by their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from fastmf.errors import DataError

__all__ = ["ColumnNames", "Roles", "find_columns"]

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
# fmt: on


class ColumnNames(NamedTuple):
    """Columns named by the caller; None leaves one to be found."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None


class Roles(NamedTuple):
    """The place of each column among the columns of a source."""

    user: int
    item: int
    rating: int
    time: int | None
    note: str | None = None


def find_columns(found: Sequence[str], named: ColumnNames, source: str) -> Roles:
    """Find the user, item, rating and time columns.

    Parameters
    ----------
    found : sequence of str
        The names of the source's columns.
    named : ColumnNames
        Those the caller named; the others go by their usual names.
    source : str
        What is being read, for messages.

    Returns
    -------
    Roles
        `time` is None where there is no such column, or several; in that case `note` says so.

    Raises
    ------
    DataError
        When a named column does not exist, or a usual name is missing or fits several columns.
    """
    user = _find_one("user", found, named.user, _USER_NAMES, source)
    item = _find_one("item", found, named.item, _ITEM_NAMES, source)
    rating = _find_one("rating", found, named.rating, _RATING_NAMES, source)
    if len({user, item, rating}) < 3:
        raise DataError(
            f"{source}: one column cannot be two of user, item and rating; "
            f"columns found: {_listed(found)}"
        )
    if named.time is not None:
        return Roles(user, item, rating, _find_named("time", found, named.time, source))
    times = [place for place, name in enumerate(found) if _plain(name) in _TIME_NAMES]
    times = [place for place in times if place not in (user, item, rating)]
    if len(times) > 1:
        candidates = " and ".join(repr(found[place]) for place in times)
        note = f"{source}: {candidates} could each be the time: left out (--time-column names one)"
        return Roles(user, item, rating, None, note)
    return Roles(user, item, rating, times[0] if times else None)


def _plain(name: str) -> str:
    """Reduce a column name to what is compared."""
    return re.sub(r"[\s_.\-]", "", name).lower()


def _listed(found: Sequence[str]) -> str:
    """List column names in a message, not more than fit on a line."""
    shown = ", ".join(found[:12])
    return f"{shown}, ... ({len(found)} in all)" if len(found) > 12 else shown


def _find_named(role: str, found: Sequence[str], name: str, source: str) -> int:
    places = [place for place, other in enumerate(found) if other == name]
    if len(places) == 1:
        return places[0]
    if places:
        raise DataError(f"{source}: {len(places)} columns are called {name!r}")
    close = difflib.get_close_matches(name, found, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
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
        candidates = " and ".join(repr(found[place]) for place in places)
        raise DataError(f"{source}: {candidates} could each be the {role} column; {remedy}")
    raise DataError(f"{source}: no {role} column; columns found: {_listed(found)}; {remedy}")

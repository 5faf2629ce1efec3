import pytest

from fastmf.data.columns import ColumnNames, find_columns
from fastmf.errors import DataError

USUAL = [
    ["userId", "movieId", "rating", "timestamp"],
    ["User_ID", "Anime_ID", "Feedback", "x"],
    ["CustomerID", "movie id", "RATING", "Date"],
    ["User-ID", "ISBN", "Book-Rating", "title"],
    ["reviewerID", "asin", "overall", "unixReviewTime"],
    ["uid", "track_id", "score", "datetime"],
    ["user", "product", "stars", "Time"],
]


@pytest.mark.parametrize("names", USUAL)
def test_usual_names_are_found_in_any_order(names):
    time = 3 if names[3] not in ("x", "title") else None
    assert find_columns(names, ColumnNames(), "f")[:4] == (0, 1, 2, time)
    assert find_columns(names[::-1], ColumnNames(), "f")[:4] == (3, 2, 1, time and 0)


@pytest.mark.parametrize(
    ("found", "named", "message"),
    [
        (["a", "b"], {}, "f: no user column; columns found: a, b; name it with --user-column"),
        (["user", "item"], {}, "no rating column; columns found: user, item; .*rating_column="),
        (["user", "userId", "item", "rating"], {}, "'user' and 'userId' could each be the user"),
        (["user", "movie", "book", "rating"], {}, "'movie' and 'book' .* --item-column"),
        (["user", "item", "rating"], {"item": "itm"}, "no column 'itm' .did you mean 'item'"),
        (["user", "item"], {}, "; or take each row for an interaction with --unrated interactions"),
        (["user", "user", "item", "rating"], {"user": "user"}, "2 columns are called 'user'"),
        (["user", "item", "rating"], {"item": "user"}, "one column cannot be two of"),
        (["user", "item", "rating"], {"time": "when"}, "no column 'when'.* --time-column"),
    ],
)
def test_missing_and_ambiguous_columns_are_refused(found, named, message):
    with pytest.raises(DataError, match=message):
        find_columns(found, ColumnNames(**named), "f")


def test_a_named_column_settles_what_is_ambiguous():
    found = ["user", "userId", "movie", "book", "rating", "stars"]
    named = ColumnNames("userId", "book", "stars")
    assert find_columns(found, named, "f")[:4] == (1, 3, 5, None)


def test_two_possible_times_are_left_out_with_a_note():
    found = ["user", "item", "rating", "date", "time"]
    roles = find_columns(found, ColumnNames(), "f")
    assert roles.time is None
    assert roles.note == (
        "f: 'date' and 'time' could each be the time: left out (--time-column names one)"
    )
    assert find_columns(found, ColumnNames(time="time"), "f").time == 4


def test_types_behind_names_are_no_part_of_them():
    found = ["user_id:token", "item_id:token", "rating:float", "timestamp:float", "tags:token_seq"]
    assert find_columns(found, ColumnNames(), "f")[:4] == (0, 1, 2, 3)
    assert find_columns(found, ColumnNames(item="tags"), "f").item == 4
    assert find_columns(found, ColumnNames(item="tags:token_seq"), "f").item == 4


STATUS = ["user_id", "anime_id", "rating", "watching_status", "watched_episodes"]


@pytest.mark.parametrize(
    ("found", "unrated", "rating", "value"),
    [
        (STATUS[:3], "drop", 2, -1),
        (["User_ID", "Anime_IDs", "Feedback"], "drop", 2, -1),
        (STATUS, "drop", 2, 0),
        (STATUS[:3], "interactions", 2, None),
        (STATUS, "interactions", 3, 6),
        (STATUS[:3], "rating", 2, None),
        (STATUS, "rating", 2, None),
        (["user_id", "joke_id", "rating", "watching_status"], "drop", 2, None),
        (["user_id", "joke_id", "rating", "watching_status"], "interactions", 2, None),
    ],
)
def test_what_stands_for_not_rated_is_told_by_the_names(found, unrated, rating, value):
    named = ColumnNames(item=found[1])
    roles = find_columns(found, named, "f", unrated)
    assert roles.rating == rating
    assert (roles.marker and roles.marker.value) == value


@pytest.mark.parametrize("found", [["user", "item"], ["time", "item", "user", "clicks"]])
def test_interactions_need_no_rating(found):
    roles = find_columns(found, ColumnNames(), "f", "interactions")
    assert (found[roles.user], found[roles.item], roles.rating) == ("user", "item", None)
    assert roles.marker is None


def test_a_rating_that_is_named_is_asked_for_of_interactions_too():
    with pytest.raises(DataError, match="no column 'clicks'"):
        find_columns(["user", "item"], ColumnNames(rating="clicks"), "f", "interactions")


def test_names_of_damaged_files_are_shown_on_one_line():
    found = ["user\udcff", "a\nb\x1b[2J", "x" * 5000]
    with pytest.raises(DataError) as raised:
        find_columns(found, ColumnNames(), "f")
    assert str(raised.value) == (
        "f: no user column; columns found: user\ufffd, a\ufffdb\ufffd[2J, "
        + "x" * 40
        + "...; name it with --user-column (user_column= in Python)"
    )

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

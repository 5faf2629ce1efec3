"""Rows left out: those that cannot be used, and those whose rating is none."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmf.data import read_ratings
from fastmf.data.readers import columnar
from fastmf.errors import DataError, ParameterError
from tests.data.tables import assert_same, make_frame

ANIME = pd.DataFrame(
    {
        "user_id": [1, 1, 2, 2, 3, 3],
        "anime_id": [10, 20, 10, 30, 20, 30],
        "rating": [8, -1, 7, 0, -1, 10],
    }
)
WATCHING = ANIME.assign(
    rating=[8, 0, 7, 0, 0, 10], watching_status=[2, 6, 2, 1, 2, 6], watched_episodes=0
)


def write(folder, frame, layout):
    path = folder / f"ratings.{layout}"
    if layout in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="\t" if layout == "tsv" else ",")
    elif layout == "parquet":
        frame.to_parquet(path, row_group_size=2)
    elif layout == "feather":
        frame.to_feather(path)
    elif layout == "polars":
        return pl.from_pandas(frame)
    else:
        return frame
    return path


layouts = pytest.mark.parametrize("layout", ["csv", "tsv", "parquet", "feather", "frame", "polars"])


@layouts
def test_what_is_not_rated_is_left_out_and_said(tmp_path, layout):
    ratings = read_ratings(write(tmp_path, ANIME, layout))
    assert_same(ratings, ANIME[ANIME["rating"] != -1], time=False)
    assert sum("2 of 6 rows say 'watched, not rated' (-1)" in note for note in ratings.notes) == 1


@layouts
def test_every_row_can_be_an_interaction(tmp_path, layout):
    ratings = read_ratings(write(tmp_path, ANIME, layout), unrated="interactions")
    assert_same(ratings, ANIME.assign(rating=1), time=False)
    assert any("6 rows taken as interactions of value 1" in note for note in ratings.notes)


@layouts
def test_the_number_can_be_a_rating(tmp_path, layout):
    ratings = read_ratings(write(tmp_path, ANIME, layout), unrated="rating")
    assert_same(ratings, ANIME, time=False)
    assert ratings.notes == ()


@layouts
def test_zero_is_not_rated_where_there_is_a_watching_status(tmp_path, layout):
    ratings = read_ratings(write(tmp_path, WATCHING, layout))
    assert_same(ratings, WATCHING[WATCHING["rating"] != 0], time=False)
    assert any("3 of 6 rows say 'not rated' (0)" in note for note in ratings.notes)


@layouts
def test_who_plans_to_watch_has_not_watched(tmp_path, layout):
    ratings = read_ratings(write(tmp_path, WATCHING, layout), unrated="interactions")
    watched = WATCHING[WATCHING["watching_status"] != 6]
    assert_same(ratings, watched.assign(rating=1), time=False)
    assert any("2 of 6 rows say 'plan to watch' (6)" in note for note in ratings.notes)


@pytest.mark.parametrize("item", ["anime_id", "Anime_ID", "AnimeId", "anime id", "MAL_ID"])
def test_anime_are_known_by_any_spelling(item):
    frame = ANIME.rename(columns={"anime_id": item})
    assert len(read_ratings(frame, item_column=item)) == 4


def test_minus_one_is_a_rating_elsewhere(tmp_path):
    jokes = ANIME.rename(columns={"anime_id": "joke_id"})
    for layout in ("csv", "parquet", "frame"):
        ratings = read_ratings(write(tmp_path, jokes, layout))
        assert_same(ratings, jokes, time=False)
        assert ratings.notes == ()


def test_other_columns_of_anime_have_no_marker():
    frame = WATCHING.assign(watched_episodes=[0, 1, 2, 3, 4, 5])
    assert len(read_ratings(frame, rating_column="watched_episodes")) == 6


def test_other_ratings_become_interactions_too(tmp_path):
    frame = make_frame(100)
    for layout in ("csv", "parquet"):
        ratings = read_ratings(write(tmp_path, frame, layout), unrated="interactions")
        assert_same(ratings, frame.assign(rating=1))


def test_nothing_rated_is_an_error():
    with pytest.raises(DataError, match="no ratings in it"):
        read_ratings(ANIME.assign(rating=-1))


def test_unknown_choices_are_refused():
    with pytest.raises(ParameterError, match="unrated is 'keep'"):
        read_ratings(ANIME, unrated="keep")


BAD = pa.table(
    {
        "userId": pa.array([1, None, 2, 2, 3, 3, 4, 5]),
        "movieId": pa.array(["a", "b", None, "a", "b", "c", "a", "b"]),
        "rating": pa.array([1.0, 2.0, 3.0, None, np.nan, np.inf, 1e300, 4.5]),
        "timestamp": pa.array(range(8)),
    }
)
FIRST_FIVE = (
    "6 rows left out that cannot be used: row 2: the user id is missing; "
    "row 3: the item id is missing; row 4: the rating is missing; "
    "row 5: the rating is nan, not a finite number; row 6: the rating is inf, not a finite "
    "number; ..."
)


def bad_source(folder, layout):
    if layout == "parquet":
        pq.write_table(BAD, folder / "r.parquet", row_group_size=3)
        return folder / "r.parquet"
    if layout in ("file", "stream"):
        path = folder / "r.arrow"
        new = pa.ipc.new_file if layout == "file" else pa.ipc.new_stream
        with new(path, BAD.schema) as writer:
            for piece in BAD.to_batches(max_chunksize=3):
                writer.write(piece)
        return path
    return BAD if layout == "table" else tuple(BAD.columns)


@pytest.mark.parametrize("layout", ["parquet", "file", "stream", "table", "arrays"])
def test_rows_that_cannot_be_used_are_left_out_and_named(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(columnar, "BATCH_ROWS", 3)
    source = bad_source(tmp_path, layout)
    with pytest.raises(DataError, match="the user id is missing"):
        read_ratings(source)
    for threads in (1, 4):
        ratings = read_ratings(source, on_bad_rows="skip", num_threads=threads, cache=False)
        assert ratings.users.take(ratings.user_index).tolist() == [1, 5]
        assert ratings.items.take(ratings.item_index).tolist() == ["a", "b"]
        assert ratings.value.tolist() == [1, 4.5]
        assert ratings.time.tolist() == [0, 7]
        assert [note.split(": ", 1)[1] for note in ratings.notes] == [FIRST_FIVE]


def test_what_is_sound_is_read_without_a_note(tmp_path):
    frame = make_frame()
    ratings = read_ratings(write(tmp_path, frame, "parquet"), on_bad_rows="skip")
    assert_same(ratings, frame)
    assert ratings.notes == ()


@pytest.mark.parametrize(
    ("ids", "complaint"),
    [
        (pa.array([1.0, 2.5, 3.0]), "the user id is 2.5, neither an integer of 64 bits nor text"),
        (pa.array([1.0, np.nan, 3.0]), "the user id is missing"),
        (pa.array([1, 2**63, 3], pa.uint64()), f"the user id is {2**63}, neither"),
        (pa.array([b"1", b"\xff", b"3"]), r"the user id is b'\xff', neither"),
    ],
)
def test_ids_that_cannot_be_used_are_left_out(ids, complaint):
    table = pa.table({"user": ids, "item": [1, 2, 3], "rating": [1, 2, 3]})
    ratings = read_ratings(table, on_bad_rows="skip")
    assert ratings.users.take([0, 1]).tolist() in ([1, 3], ["1", "3"])
    assert f"row 2: {complaint}" in ratings.notes[0]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None, 3], pa.decimal128(5, 2)),
        pa.array([1.0, None, 3.0]).dictionary_encode(),
        pa.array([1, None, 3], pa.int8()),
        pa.array([decimal.Decimal("1.00"), None, decimal.Decimal("3.00")]),
        pa.array([1.0, 1e-60, 3.0]),
    ],
)
def test_ratings_of_any_type_are_sifted(values):
    ratings = read_ratings(
        pa.table({"user": [1, 2, 3], "item": [1, 2, 3], "rating": values}), on_bad_rows="skip"
    )
    assert ratings.value.tolist() == [1, 3]


def test_places_are_those_of_the_file_though_rows_were_left_out(tmp_path):
    twice = pd.concat([ANIME, ANIME.iloc[5:]])
    for layout, place in (("csv", "line 8"), ("parquet", "row 7")):
        with pytest.raises(DataError, match=place):
            read_ratings(write(tmp_path, twice, layout), duplicates="error")


def test_a_column_of_text_is_refused_with_its_type():
    with pytest.raises(DataError, match="rating column holds string"):
        read_ratings(
            pa.table({"user": [1, 2], "anime_id": [1, 2], "rating": ["good", "bad"]}),
            on_bad_rows="skip",
        )


@given(st.lists(st.sampled_from([None, -1.0, 3.0, np.nan, 5.0, np.inf]), min_size=2, max_size=40))
def test_every_row_is_kept_or_counted(values):
    table = pa.table(
        {
            "user": range(len(values)),
            "anime_id": range(len(values)),
            "rating": pa.array(values, pa.float64()),
        }
    )
    wanted = [value for value in values if value in (3.0, 5.0)]
    if len(wanted) < 2:
        return
    ratings = read_ratings(table, on_bad_rows="skip")
    assert ratings.value.tolist() == wanted
    n_bad = sum(value is None or not np.isfinite(value) for value in values)
    notes = " ".join(ratings.notes)
    assert (f"{n_bad} row" in notes) == (n_bad > 0)
    assert (f"{values.count(-1.0)} of {len(values)} rows" in notes) == (-1.0 in values)


def test_published_anime_ratings(real_data):
    path = real_data / "anime" / "rating_tail.csv"
    frame = pd.read_csv(path)
    ratings = read_ratings(path)
    rated = frame[frame["rating"] != -1]
    assert_same(ratings, rated.drop_duplicates(["user_id", "anime_id"], keep="last"), time=False)
    assert f"{len(frame) - len(rated):,} of {len(frame):,} rows" in ratings.notes[0]
    every = read_ratings(path, unrated="interactions")
    assert len(every) == len(frame.drop_duplicates(["user_id", "anime_id"]))
    assert every.rating_range == (1, 1)


def test_a_published_subset_without_unrated_rows(real_data):
    ratings = read_ratings(real_data / "anime-5k" / "anime_ratings.dat")
    assert len(ratings) == 419_943
    assert ratings.notes == ()

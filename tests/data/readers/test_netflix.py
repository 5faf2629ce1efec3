"""Ratings of the Netflix Prize: any cut, any ending, any of its folders."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import read_ratings
from fastmf.data.columns import ColumnNames
from fastmf.data.readers import find_parts, open_part, together
from fastmf.data.readers.netflix import NetflixPart
from fastmf.data.readers.part import ReadOptions
from fastmf.errors import DataError
from tests.reference.text import netflix as reference

TEXT = "1:\n6,3,2005-09-06\n7,5,2005-05-13\n8:\n6,4,2003-01-01\n9,1,1999-11-11\n"
ROWS = [(6, 1, 3, 13032), (7, 1, 5, 12916), (6, 8, 4, 12053), (9, 8, 1, 10906)]
SKIP = ReadOptions(on_bad_rows="skip")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows_of(part):
    rows = []
    for decode in part.batches():
        batch = decode()
        if batch is not None:
            days = batch.time.view(pa.int32())
            columns = (c.to_pylist() for c in (batch.users, batch.items, batch.values, days))
            rows += zip(*columns, strict=True)
    return rows


def rows_of_file(path, options=ReadOptions(), **settings):  # noqa: B008 - immutable
    return rows_of(NetflixPart(path, options, **settings))


def with_pandas(path):
    """The layout as people read it with pandas."""
    lines = pd.read_csv(path, header=None, names=["user", "rating", "date"], dtype=str)
    named = lines["rating"].isna()
    lines["movie"] = lines["user"].str.rstrip(":").where(named).ffill()
    return lines[~named]


@pytest.mark.parametrize("name", ["combined_data_1_head.txt", "combined_subset_derived.txt"])
def test_published_files_read_as_with_pandas(real_data, name):
    path = real_data / "netflix" / name
    expected = with_pandas(path)
    ratings = read_ratings(path)
    assert ratings.notes == ()
    assert ratings.users.take(ratings.user_index).tolist() == expected["user"].astype(int).tolist()
    assert ratings.items.take(ratings.item_index).tolist() == expected["movie"].astype(int).tolist()
    assert ratings.value.tolist() == expected["rating"].astype(float).tolist()
    dates = pd.to_datetime(expected["date"]).to_numpy().astype("datetime64[s]").astype(np.int64)
    assert np.array_equal(ratings.time, dates)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("\n"),
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
        "\n\n" + TEXT.replace("8:", "\n5:\n\n8:") + "70:\n",
        TEXT.replace("7,5", "1:\n7,5"),
        TEXT.replace("\n", " \t\n"),
    ],
    ids=["plain", "no end", "CRLF", "BOM", "empty movies", "movie twice", "blanks"],
)
def test_the_layout_is_found_by_its_content(tmp_path, text):
    part = open_part(write(tmp_path / "some.csv", text), ReadOptions())
    assert isinstance(part, NetflixPart)
    assert rows_of(part) == ROWS


@pytest.mark.parametrize("codec", ["gzip", "zstd", "bz2", "lz4"])
def test_compressed_files_are_read(tmp_path, codec):
    with pa.output_stream(str(tmp_path / "a.txt"), compression=codec) as file:
        file.write(TEXT.encode())
    part = open_part(tmp_path / "a.txt", ReadOptions())
    assert isinstance(part, NetflixPart)
    assert rows_of(part) == ROWS


LINES = st.sampled_from(
    ["1:", "23:", "23: ", "x:", "6,3,2005-09-06", "2649429,5,1999-11-11", "6,9,2005-09-06", "", "7"]
)


@settings(deadline=None, max_examples=150)
@given(
    files=st.lists(st.lists(LINES, min_size=1, max_size=12), min_size=1, max_size=4),
    chunk_bytes=st.integers(24, 90),
    ends=st.booleans(),
    mark=st.booleans(),
)
def test_any_cut_gives_the_same_rows_and_the_same_bad_lines(
    tmp_path_factory, files, chunk_bytes, ends, mark
):
    folder = tmp_path_factory.mktemp("cut")
    rows, bad, paths = [], [], []
    for number, lines in enumerate(files):
        text = "\n".join(lines) + ("\n" if ends else "")
        paths.append(write(folder / f"mv_{number}.txt", ("\ufeff" if mark else "") + text))
        found, unusable, _ = reference.read_movie_ratings(text.encode(), None, True)
        rows += found
        bad += [(paths[-1].name, text.encode().count(b"\n", 0, at) + 1) for at in unusable]
    part = NetflixPart(paths[0], SKIP, paths[1:], chunk_bytes=chunk_bytes)
    assert rows_of(part) == rows
    note = "".join(part.finish())
    assert (f"{len(bad):,} row" in note) == bool(bad)
    for name, line in bad[:5]:
        assert (f"{name}, line {line}: " if len(files) > 1 else f"line {line}: ") in note
    for row in range(len(rows)):
        place = part.place(row)
        path, line = place.rsplit(", line ", 1)
        text = next(p for p in paths if str(p) == path).read_text(encoding="utf-8-sig")
        assert text.split("\n")[int(line) - 1].startswith(f"{rows[row][0]},{rows[row][2]},")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("7,5", "2 fields instead of 3 (user, rating, date)"),
        ("7", "1 field instead of 3"),
        ("7,5,2005-05-13,8", "4 fields instead of 3"),
        ("7,6,2005-05-13", "the rating is '6', not a whole number from 1 to 5"),
        ("7,0,2005-05-13", "the rating is '0'"),
        ("7,-1,2005-05-13", "the rating is '-1'"),
        ("7,3.5,2005-05-13", "the rating is '3.5'"),
        ("7,good,2005-05-13", "the rating is 'good'"),
        ("7,,2005-05-13", "the rating is ''"),
        ("x7,5,2005-05-13", "the user id is 'x7', not a whole number"),
        (",5,2005-05-13", "the user id is ''"),
        ("9223372036854775808,5,2005-05-13", "the user id is '9223372036854775808'"),
        ("7,5,2005-02-30", "the date is '2005-02-30', not a day as 2005-12-31"),
        ("7,5,13.05.2005", "the date is '13.05.2005'"),
        ("7,5,", "the date is ''"),
        ("7,5,2005-05-13T10:00:00", "the date is '2005-05-13T10:00:00'"),
        ("7,5,2005-0", "the date is '2005-0'"),
        ("x:", "the movie id is 'x', not a whole number"),
        ("\0\0\0", "a NUL byte"),
        ('"7",5,2005-05-13', "the user id is '\"7\"'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, complaint):
    path = write(tmp_path / "a.txt", TEXT.replace("7,5,2005-05-13", line))
    with pytest.raises(DataError) as raised:
        read_ratings(path)
    assert str(raised.value).startswith(f"{path}, line 3: {complaint}")
    assert "\n" not in str(raised.value)
    if not line.endswith(":"):
        ratings = read_ratings(path, on_bad_rows="skip")
        assert len(ratings) == 3
        assert ratings.notes == (
            f"{path}: 1 row left out that cannot be used: "
            + str(raised.value).removeprefix(f"{path}, "),
        )


def test_rows_under_a_movie_that_cannot_be_read_are_left_out_too(tmp_path):
    path = write(tmp_path / "a.txt", TEXT.replace("8:", "8x:") + "9:\n6,2,2003-01-01\n")
    ratings = read_ratings(path, on_bad_rows="skip")
    assert ratings.items.take([0, 1]).tolist() == [1, 9]
    assert "3 rows left out that cannot be used: line 4: the movie id is '8x'" in ratings.notes[0]
    assert "line 5: no movie is named above this line" in ratings.notes[0]


def test_the_first_five_places_are_named(tmp_path):
    path = write(tmp_path / "a.txt", TEXT + "7\n" * 1234)
    (note,) = read_ratings(path, on_bad_rows="skip").notes
    assert note.startswith(f"{path}: 1,234 rows left out that cannot be used: line 7: 1 field")
    assert "line 11: " in note
    assert "line 12: " not in note
    assert note.endswith("; ...")


def test_a_piece_without_its_first_movie_is_refused(tmp_path):
    path = write(tmp_path / "a.txt", TEXT.split("\n", 1)[1])
    with pytest.raises(DataError, match="line 1: no movie is named above this line"):
        read_ratings(path)


def test_a_line_without_end_is_refused(tmp_path):
    path = write(tmp_path / "a.txt", TEXT + "9" * 200)
    with pytest.raises(DataError, match=r"a\.txt, line 7: this line does not end within"):
        rows_of_file(path, chunk_bytes=50)


def test_named_columns_are_refused(tmp_path):
    path = write(tmp_path / "a.txt", TEXT)
    with pytest.raises(DataError, match="no column has a name; leave out the name 'CustomerID'"):
        NetflixPart(path, ReadOptions(ColumnNames(user="CustomerID")))


def test_duplicates_are_named_by_their_lines(tmp_path):
    path = write(tmp_path / "a.txt", TEXT + "1:\n7,2,2005-05-14\n")
    with pytest.raises(DataError, match=r"a\.txt, line 8"):
        read_ratings(path, duplicates="error")
    assert read_ratings(path).value.tolist() == [3, 4, 1, 2]


@pytest.fixture
def download(tmp_path):
    """A folder as it is downloaded, with its companions."""
    write(tmp_path / "set" / "movie_titles.csv", "1,2003,Dinosaur Planet, and more\n")
    write(tmp_path / "set" / "probe.txt", "1:\n7\n")
    write(tmp_path / "set" / "qualifying.txt", "1:\n7,2005-05-13\n")
    write(tmp_path / "set" / "README", "read me")
    return tmp_path / "set"


MOVIES = {
    1: "1:\n6,3,2005-09-06\n7,5,2005-05-13",
    2: "2:\n",
    8: "8:\n6,4,2003-01-01\n9,1,1999-11-11\n",
}


def test_a_folder_of_movies_is_one_part(download):
    for movie, text in MOVIES.items():
        write(download / "training_set" / f"mv_{movie:07d}.txt", text)
    ((*paths,),) = together(find_parts(download))
    assert [path.name for path in paths] == [f"mv_{movie:07d}.txt" for movie in MOVIES]
    ratings = read_ratings(download)
    users, items = ratings.users.take(ratings.user_index), ratings.items.take(ratings.item_index)
    columns = users, items, ratings.value, ratings.time // 86400
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == ROWS
    assert np.array_equal(read_ratings(download, num_threads=3, cache=False).value, ratings.value)


def test_a_folder_of_combined_files_is_one_part(download):
    write(download / "combined_data_1.txt", MOVIES[1])
    write(download / "combined_data_2.txt.gz", gzip.compress((MOVIES[2] + MOVIES[8]).encode()))
    with pytest.raises(DataError, match="several kinds"):
        find_parts(write(download / "extra.parquet", "").parent)
    (download / "extra.parquet").unlink()
    ((first, *more),) = together(find_parts(download))
    assert rows_of(open_part(first, ReadOptions(), more)) == ROWS


def test_each_file_of_a_folder_names_its_movie(download):
    for movie, text in MOVIES.items():
        write(download / f"mv_{movie:07d}.txt", text.replace("8:\n", ""))
    with pytest.raises(DataError, match=r"mv_0000008\.txt, line 1: no movie is named"):
        read_ratings(download)
    (note,) = read_ratings(download, on_bad_rows="skip", trainable=False).notes
    assert "2 rows left out that cannot be used: mv_0000008.txt, line 1: no movie" in note


def test_other_files_under_such_names_are_read_as_what_they_are(tmp_path):
    for number in (1, 2):
        write(tmp_path / f"mv_{number}.txt", f"user,item,rating\n{number},5,1\n2,{number},3\n")
    assert len(read_ratings(tmp_path)) == 4


@pytest.mark.parametrize("name", ["probe.txt", "qualifying.txt"])
def test_lists_without_ratings_are_told(download, name):
    with pytest.raises(DataError, match="a list of movies and users without ratings") as raised:
        read_ratings(download / name)
    assert "\n" not in str(raised.value)


def test_a_file_cut_short_while_it_is_read_is_no_crash(tmp_path):
    path = write(tmp_path / "a.txt", "1:\n" + "6,3,2005-09-06\n" * 4000)
    batches = NetflixPart(path, ReadOptions(), chunk_bytes=4096).batches()
    first = next(batches)()
    with path.open("r+b") as file:
        file.truncate(4998)  # behind a line
    rest = sum(len(decode().values) for decode in batches)
    assert 0 < len(first.values) + rest < 4000


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damage_gives_the_right_rows_or_one_line(tmp_path_factory, data):
    text = bytearray(TEXT.encode() * 3)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.integers(0, 255))
    text = bytes(text[: data.draw(st.integers(1, len(text)))])
    path = write(tmp_path_factory.mktemp("damage") / "a.txt", text)
    rows, bad, _ = reference.read_movie_ratings(text, None, False)
    try:
        found = rows_of_file(path, chunk_bytes=64)
    except DataError as error:
        assert bad or b"\n" not in text
        assert "\n" not in str(error)
    else:
        assert not bad
        assert found == rows

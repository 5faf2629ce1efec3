"""Tables of metadata from files and from memory."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastmf.data.metadata import Metadata, read_metadata
from fastmf.errors import DataError

ROWS = {
    "anime_id": [7, 3, 9],
    "name": ["a, b", "c &amp; d", None],
    "episodes": [12, None, 1],
    "genre": ["Drama, School", "Unknown", "Drama"],
}


def same_as_rows(table):
    assert table.ids == ["7", "3", "9"]
    assert table.columns["name"] == ["a, b", "c & d", None]
    assert [None if cell is None else float(cell) for cell in table.columns["episodes"]] == [
        12.0,
        None,
        1.0,
    ]
    assert table.columns["genre"] == ["Drama, School", None, "Drama"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "arrow"])
def test_a_file_has_the_columns_of_its_header(tmp_path, ending):
    path = tmp_path / f"items.{ending}"
    frame = pd.DataFrame(ROWS)
    if ending in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="," if ending == "csv" else "\t")
    elif ending == "parquet":
        pq.write_table(pa.table(ROWS), path)
    else:
        table = pa.table(ROWS)
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    same_as_rows(read_metadata(path))


def test_tables_in_memory_have_the_same():
    same_as_rows(read_metadata(ROWS))
    same_as_rows(read_metadata(pd.DataFrame(ROWS)))
    same_as_rows(read_metadata(pa.table(ROWS)))
    table = read_metadata(ROWS)
    assert read_metadata(table) is table
    assert len(table) == 3


def test_cells_of_all_kinds():
    cells = [1.5, np.float32(2), "x", "NaN", math.inf, ["a", None, "b"], np.array(["c"]), (), pd.NA]
    table = read_metadata({"id": range(len(cells)), "value": cells})
    expected = [1.5, 2.0, "x", None, None, ("a", "b"), ("c",), None, None]
    assert table.columns["value"] == expected


def test_the_last_row_of_an_id_counts_and_rows_without_one_are_left_out():
    table = read_metadata({"item": [1, None, 1.0, math.nan], "age": [5, 6, 7, 8]})
    assert table.ids == ["1"]
    assert table.columns == {"age": [7.0]}


def test_layouts_of_movielens_without_header(tmp_path):
    (tmp_path / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    (tmp_path / "u.user").write_text("1|24|M|technician|85711\n2|53|F|other|94043\n")
    older, newer = (read_metadata(tmp_path / name, "user") for name in ("u.user", "users.dat"))
    assert older.ids == newer.ids == ["1", "2"]
    assert older.columns["occupation"] == ["technician", "other"]
    assert older.columns["gender"] == ["M", "F"]
    assert newer.columns["age"] == ["1", "56"]
    (tmp_path / "movies.dat").write_text(
        "1::Toy Story (1995)::Animation|Comedy\n4::Untold::\n", encoding="iso-8859-1"
    )
    movies = read_metadata(tmp_path / "movies.dat")
    assert movies == Metadata(
        ["1", "4"],
        {"year": [1995.0, None], "genres": [("Animation", "Comedy"), None]},
        str(tmp_path / "movies.dat"),
    )


def test_years_that_end_titles_are_a_column(tmp_path):
    path = tmp_path / "movies.csv"
    path.write_text('movieId,title,genres\n1,"Story, Toy (1995)",A|B\n2,Plain,A\n')
    assert read_metadata(path).columns == {
        "title": ["Story, Toy (1995)", "Plain"],
        "genres": ["A|B", "A"],
        "year": [1995.0, None],
    }
    path.write_text("movieId,title,year\n1,Toy (1995),1990\n")
    assert read_metadata(path).columns["year"] == ["1990"]


def test_recbole_writes_types_behind_names(tmp_path):
    path = tmp_path / "x.item"
    path.write_text("item_id:token\tclass:token_seq\tyear:float\n3\tA B\t1995\n4\t\t\n")
    assert read_metadata(path).columns == {"class": [("A", "B"), None], "year": ["1995", None]}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no column of item ids"),
        (b"colour,shape\nred,round\n", "no column of item ids"),
        (b"item_id,shape\n", "no items in it"),
        (b"\0\1\2\3", "not a table"),
        (b"PAR1 and nothing else", "x.csv"),
        (b'item_id,name\n1,"' + b"x" * 200_000 + b"\n", "line 2: a quote is opened here"),
        (b'item_id,name\n1,a\n2,"b\n3,c\n', "line 3: a quote is opened here"),
        (
            b'item_id,name\n1,"two\nlines"\n2,' + b"x" * 200_000 + b"\n3,c\n",
            "line 4: a cell has more than 131,072 characters",
        ),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, match):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match=match) as raised:
        read_metadata(tmp_path / "x.csv")
    assert "\n" not in str(raised.value)


def test_bad_sources_are_refused(tmp_path):
    for source, match in (
        (tmp_path / "none.csv", "cannot be read"),
        (5, "is int"),
        ({"item": [1, 2], "age": [1]}, "1 or 2 rows"),
        ({"colour": ["red"]}, "no column of item ids among 'colour'"),
        ({"item": []}, "no items"),
    ):
        with pytest.raises(DataError, match=match):
            read_metadata(source)


@pytest.mark.parametrize(
    ("column", "match"),
    [
        (pa.array([2**30, 1], pa.int32()).cast(pa.date32()), r"of type date32\[day\]"),
        (pa.array([2**62, 1]).cast(pa.duration("s")), r"of type duration\[s\]"),
        (pa.array([2**60, 1]).cast(pa.timestamp("us")), r"of type timestamp\[us\]"),
        (pa.array([1, 2]).cast(pa.timestamp("us", "Mars/Phobos")), "of type .* or a time zone"),
    ],
    ids=["date", "duration", "timestamp", "zone"],
)
def test_times_that_python_does_not_have_are_refused_by_name(tmp_path, column, match):
    table = pa.table({"item_id": [1, 2], "when": column})
    pq.write_table(table, tmp_path / "x.parquet")
    for source, name in ((tmp_path / "x.parquet", r"x\.parquet"), (table, "the table of items")):
        with pytest.raises(DataError, match=f"{name}: column when {match}") as raised:
            read_metadata(source)
        assert "\n" not in str(raised.value)
        assert "damaged" not in str(raised.value)


def test_two_columns_of_one_name_are_refused_by_it(tmp_path):
    table = pa.Table.from_arrays([pa.array([1, 2])] * 3, ["item_id", "age", "age"])
    pq.write_table(table, tmp_path / "x.parquet")
    frame = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["item_id", "age", "age"])
    for source in (tmp_path / "x.parquet", table, frame):
        with pytest.raises(DataError, match="two columns age; give each a name of its own"):
            read_metadata(source)


def test_whole_numbers_keep_all_their_digits():
    numbers = [2**53, 2**53 + 1, 10**400, np.int64(7)]
    table = read_metadata({"item": range(4), "code": numbers})
    assert table.columns["code"] == [2**53, 2**53 + 1, None, 7]


def test_ids_of_users_are_found_by_their_names():
    columns = {"item_id": [1], "Customer ID": [5], "age": [3]}
    assert read_metadata(columns, "user").ids == ["5"]
    assert read_metadata(columns, "item").ids == ["1"]

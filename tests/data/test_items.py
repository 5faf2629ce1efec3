"""Tables of items, with what the files say of them."""

import html

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather

from fastmf.data.item_rows import MOVIELENS_GENRES
from fastmf.data.items import read_items
from fastmf.errors import DataError


@pytest.fixture
def items_of(tmp_path):
    def read(content: str | bytes, name: str = "items.txt"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return read_items(file)

    return read


def flags(*genres):
    return "|".join(str(int(genre in genres)) for genre in MOVIELENS_GENRES)


def test_flags_of_genres(items_of):
    items = items_of(
        f"1|Amélie (2001)|01-Feb-2002||http://x|{flags('Comedy', 'Romance')}\n"
        f"2|unknown||||{flags('unknown')}\n"
        f"3|No Year|09-Feb-1996||http://x|{flags()}\n".encode("iso-8859-1")
    )
    assert items.ids == ["1", "2", "3"]
    assert items.titles == ["Amélie (2001)", "unknown", "No Year"]
    assert items.years == [2001, None, 1996]
    assert items.genres == [("Comedy", "Romance"), (), ()]


def test_genres_between_bars(items_of):
    items = items_of("1::Gold (1999)::Drama|Children's\n2::Plain::\n3::Other::Drama\n")
    assert items.genres == [("Drama", "Children's"), (), ("Drama",)]
    assert items.years == [1999, None, None]


def test_genres_that_are_none(items_of):
    items = items_of("movieId,title,genres\n1,One,(no genres listed)\n2,Two,A|B\n")
    assert items.genres == [(), ("A", "B")]


def test_every_detail_of_anime(items_of):
    items = items_of(
        "anime_id,name,genre,type,episodes,rating,members\n"
        '7,"Sun, Moon &amp; Stars","Drama, Sci-Fi",TV,12,8.1,100\n'
        "8,Gin&#039;tama,Comedy,,Unknown,,3\n"
    )
    assert items.titles == ["Sun, Moon & Stars", "Gin'tama"]
    assert items.genres == [("Drama", "Sci-Fi"), ("Comedy",)]
    assert items.types == ["TV", None]
    assert items.episodes == [12, None]


def test_details_of_the_release_of_2020(items_of):
    items = items_of(
        "MAL_ID,Name,Score,Genres,English name,Type,Episodes,Aired\n"
        '1,Bebop,8.78,"Action, Drama",Bebop,TV,26,"Apr 3, 1998 to Apr 24, 1999"\n'
        "5,Film,8.39,Unknown,Film,Unknown,Unknown,Unknown\n"
    )
    assert items.ids == ["1", "5"]
    assert items.years == [1998, None]
    assert items.genres == [("Action", "Drama"), ()]
    assert items.types == ["TV", None]


def test_types_behind_the_names_of_columns(items_of):
    items = items_of(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tToy Story\t1995\tAnimation Children's\n"
    )
    assert (items.titles, items.years) == (["Toy Story"], [1995])
    assert items.genres == [("Animation", "Children's")]


def test_years_of_films(items_of):
    items = items_of("1,2003,Dinosaurs\n2,NULL,Strangers, At Home (1974)\n3,1896,Train\n")
    assert items.titles[1] == "Strangers, At Home (1974)"
    assert items.years == [2003, 1974, 1896]


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Toy Story (1995)", 1995),
        ("Giving (1995) (V)", 1995),
        ("Death Note (2006\u20132007)", 2006),
        ("Series (2011-)", 2011),
        ("2001: A Space Odyssey", None),
        ("(500) Days", None),
        ("1984 (1956) ", 1956),
        ("City (Ville (1990))", None),
    ],
)
def test_the_year_that_ends_a_title(items_of, title, year):
    assert items_of(f"item\ttitle\n1\t{title}\n").years == [year]


def test_the_last_row_of_an_item_counts(items_of):
    items = items_of("item,title\n1,A\n2,B\n1,C\n,none\n")
    assert (items.ids, items.titles) == (["1", "2"], ["C", "B"])


def test_quotes_within_titles_of_tables_parted_by_tabs(items_of):
    items = items_of('item\ttitle\n1\t"Weird" Al\n2\t12" Disc\n3\tC\n')
    assert items.titles == ['"Weird" Al', '12" Disc', "C"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('item,title\n1,"A\n2,B\n3,C\n', 2),
        ('item,title\n1,A\n2,"B"\n3,"C\n4,D\n', 4),
        ('item,title\n1,"two\nlines"\n2,"C\n4,D\n', 4),
    ],
)
def test_an_open_quote_is_named(items_of, content, line):
    with pytest.raises(DataError, match=f"line {line}: a quote is opened here"):
        items_of(content)


def test_a_field_without_end_is_named(items_of):
    with pytest.raises(DataError, match="line 2: a quote is opened here"):
        items_of('item,title\n1,"' + "a" * 200_000 + "\n")


def test_a_table_is_read_as_it_was_written(items_of, tmp_path):
    items = items_of(
        "anime_id,name,genre,type,episodes,year\n7,A,Drama,TV,12,1999\n8,,,,,\n9,B,X,OVA,,2001\n"
    )
    table = items.to_arrow()
    assert table.schema == pa.schema(
        {
            "id": pa.int64(),
            "title": pa.large_string(),
            "genres": pa.list_(pa.string()),
            "year": pa.int16(),
            "type": pa.string(),
            "episodes": pa.int32(),
        }
    )
    pq.write_table(table, tmp_path / "items.parquet")
    feather.write_feather(table, str(tmp_path / "items.feather"))
    assert read_items(tmp_path / "items.parquet") == items
    assert read_items(tmp_path / "items.feather") == items


def test_what_no_item_has_is_no_column(items_of):
    assert items_of("item,title\na,A\n").to_arrow().column_names == ["id", "title"]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (pa.table({"a": [1], "b": [2]}), "its columns are 'a, b'"),
        (pa.table({"item": [1.5], "title": ["x"]}), "neither integers nor text"),
        (pa.table({"item": pa.array([], pa.int64()), "title": []}), "no items in it"),
    ],
)
def test_tables_without_items_are_refused(tmp_path, table, complaint):
    pq.write_table(table, tmp_path / "items.parquet")
    with pytest.raises(DataError, match=complaint):
        read_items(tmp_path / "items.parquet")


@given(st.binary(max_size=200))
def test_any_bytes_are_items_or_one_line(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("items") / "items"
    file.write_bytes(content)
    try:
        assert len(read_items(file)) > 0
    except DataError as error:
        assert "\n" not in str(error)


def same_titles(items, ids, titles):
    assert items.ids == [str(item) for item in ids]
    assert items.titles == [html.unescape(title).strip() for title in titles]


def test_published_flags(real_data):
    frame = pd.read_csv(
        real_data / "ml-100k" / "u.item", sep="|", header=None, encoding="iso-8859-1"
    )
    items = read_items(real_data / "ml-100k" / "u.item")
    same_titles(items, frame[0], frame[1])
    named = pd.read_csv(real_data / "ml-100k" / "u.genre", sep="|", header=None)
    assert named[0].tolist() == list(MOVIELENS_GENRES)
    known = frame.iloc[:, 6:].to_numpy() == 1
    assert items.genres == [tuple(np.array(MOVIELENS_GENRES[1:])[row]) for row in known]
    found = frame[1].str.extract(r"\((\d{4})\)")[0]
    assert items.years == [None if pd.isna(year) else int(year) for year in found]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ml-1m/movies.dat", {"sep": "::", "header": None, "encoding": "iso-8859-1"}),
        ("ml-latest-small/movies.csv", {}),
    ],
)
def test_published_movies(real_data, name, options):
    frame = pd.read_csv(real_data / name, engine="python", **options)
    items = read_items(real_data / name)
    ids, titles, genres = (frame.iloc[:, place] for place in range(3))
    same_titles(items, ids, titles)
    listed = genres.where(genres != "(no genres listed)", "")
    assert items.genres == [tuple(filter(None, text.split("|"))) for text in listed]
    found = titles.str.extract(r"\((\d{4})(?:\u2013\d{4})?\)\s*$")[0]
    assert items.years == [None if pd.isna(year) else int(year) for year in found]


@pytest.mark.parametrize(
    ("name", "separator"), [("anime/anime.csv", ","), ("anime-5k/anime_info.dat", "\t")]
)
def test_published_anime(real_data, name, separator):
    frame = pd.read_csv(real_data / name, sep=separator, keep_default_na=False)
    items = read_items(real_data / name)
    same_titles(items, frame.iloc[:, 0], frame["name"])
    assert items.genres == [tuple(filter(None, text.split(", "))) for text in frame["genre"]]
    assert items.types == [text or None for text in frame["type"]]
    counts = pd.to_numeric(frame["episodes"], errors="coerce")
    assert items.episodes == [None if pd.isna(count) else int(count) for count in counts]


def test_published_films(real_data):
    path = real_data / "netflix" / "movie_titles.csv"
    frame = pd.read_csv(
        path, sep=r"^(\d+),(\d{4}|NULL),", header=None, encoding="iso-8859-1", engine="python"
    )
    items = read_items(path)
    same_titles(items, frame[1], frame[3])
    assert len(items) == 17_770
    own = [None if pd.isna(year) else int(year) for year in frame[2]]
    assert [year for year, known in zip(items.years, own, strict=True) if known] == list(
        filter(None, own)
    )
    assert items.genres == [()] * len(items)

"""Titles of items from the files they usually come in."""

import pytest

from fastmf.data.titles import read_titles
from fastmf.errors import DataError


@pytest.fixture
def titles_of(tmp_path):
    def read(content: str | bytes, name: str = "titles.txt"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return read_titles(file)

    return read


def test_csv_with_quoted_commas_and_entities(titles_of):
    titles = titles_of(
        'anime_id,name,genre\n7,"Sun, Moon &amp; Stars",Drama\n8,Gin&#039;tama,"a, b"\n'
    )
    assert titles.of(7) == "Sun, Moon & Stars"
    assert titles.of("8") == "Gin'tama"
    assert len(titles) == 2


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_header_names_the_columns_wherever_they_stand(titles_of, separator):
    rows = [("year", "Title", "movieId"), ("1999", "First", "3"), ("2000", "Second", "4")]
    titles = titles_of("\n".join(separator.join(row) for row in rows))
    assert [titles.of(3), titles.of(4)] == ["First", "Second"]


def test_a_specific_column_of_ids_is_preferred_to_a_general_one(titles_of):
    titles = titles_of("id,movieId,title\n1,10,A\n2,20,B\n")
    assert titles.of(10) == "A"
    assert 1 not in titles


def test_double_colons_without_header_in_latin_1(titles_of):
    titles = titles_of("1::Amélie (2001)::Comedy\n2::Jules et Jim::Drama\n".encode("iso-8859-1"))
    assert titles.of(1) == "Amélie (2001)"
    assert titles.of(2) == "Jules et Jim"


def test_bars_without_header(titles_of):
    titles = titles_of("1|Toy Shop (1995)|01-Jan-1995||http://x/?a|0|1\n2|Gold|||\n")
    assert titles.of(1) == "Toy Shop (1995)"


def test_year_and_unquoted_commas(titles_of):
    titles = titles_of("1,2003,Dinosaurs\n2,NULL,Strangers, At Home, Again\n")
    assert titles.of(2) == "Strangers, At Home, Again"


def test_byte_order_mark_and_windows_line_ends(titles_of):
    titles = titles_of(b"\xef\xbb\xbfitem,title\r\na,First\r\nb,Second\r\n")
    assert [titles.of("a"), titles.of("b")] == ["First", "Second"]


def test_missing_and_blank_titles_are_shown_as_the_id(titles_of):
    titles = titles_of("item,title\n1,\n2,Two\n3\n")
    assert [titles.of(item) for item in (1, 2, 3, 99)] == ["1", "Two", "3", "99"]


def test_no_title_steers_the_terminal(titles_of):
    assert titles_of("item,title\n1,a\x1b[2Jb\n").of(1) == "a [2Jb"


def test_a_quoted_title_may_hold_a_line_end(titles_of):
    assert titles_of('item,title\n1,"two\nlines"\n2,B\n').of(1) == "two lines"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("just one column\nand more\n", "no columns of item ids and titles"),
        ("genre,year\nDrama,1999\n", "no columns of item ids and titles"),
        ("item,title\n", "no items in it"),
        (b"\1\0\0\0", "not a text file"),
        (b"PAR1\0\0\0", "damaged or cut short"),
    ],
)
def test_what_holds_no_titles_is_refused(titles_of, content, complaint):
    with pytest.raises(DataError, match=complaint):
        titles_of(content)


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv: titles cannot be read: No such file"):
        read_titles(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("name", "count", "item", "title"),
    [
        ("ml-1m/movies.dat", 3883, 1, "Toy Story (1995)"),
        ("ml-100k/u.item", 1682, 2, "GoldenEye (1995)"),
        ("ml-latest-small/movies.csv", 9742, 2, "Jumanji (1995)"),
        ("anime/anime.csv", 12294, 9969, "Gintama'"),
        ("anime-5k/anime_info.dat", 7390, 1723, "Kimi no Na wa."),
        (
            "netflix/movie_titles.csv",
            17770,
            72,
            "At Home Among Strangers, A Stranger Among His Own",
        ),
    ],
)
def test_published_files(real_data, name, count, item, title):
    titles = read_titles(real_data / name)
    assert len(titles) == count
    assert titles.of(item) == title

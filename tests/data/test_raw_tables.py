"""Records of text and columns of Arrow, as tables of items and users have them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastmf.data.items import read_items
from fastmf.data.raw_tables import (
    column_values,
    decoded,
    first_record,
    read_arrow_table,
    text_records,
)
from fastmf.errors import DataError

LONG = "x" * 200_000


def records(text, separator=","):
    return list(text_records(text, separator, Path("t.csv")))


def test_text_is_utf_8_or_latin_and_its_lines_end_in_one_way():
    assert decoded("é\r\nb\rc\n".encode("utf-8-sig")) == "é\nb\nc\n"
    assert decoded("é\r\n".encode("iso-8859-1")) == "é\n"


def test_a_first_line_too_long_for_a_header_has_no_names():
    assert first_record('a,"b,c"', ",") == ["a", "b,c"]
    assert first_record("", ",") == first_record(f"a,{LONG}", ",") == []


def test_quotes_enclose_cells_only_where_every_line_closes_them():
    assert records('a,b\n\n1,"two\nlines"\n') == [["a", "b"], ["1", "two\nlines"]]
    assert records('a\tb\n1\t"c"\n', "\t") == [["a", "b"], ["1", "c"]]
    assert records('a\tb\n1\t"Weird Al\n', "\t") == [["a", "b"], ["1", '"Weird Al']]


@pytest.mark.parametrize(
    ("text", "separator", "complaint"),
    [
        ('a,b\n1,"two\nlines"\n2,"c\n3,d\n', ",", "line 4: a quote is opened here"),
        (f'a,b\n1,c\n2,"{LONG}\n3,d\n', ",", "line 3: a quote is opened here"),
        (f'a,b\n1,"two\nlines"\n2,"{LONG}"\n', ",", "line 4: a cell has more than 131,072"),
        (f'a\tb\n1\t"{LONG}\n', "\t", "line 2: a cell has more than 131,072"),
    ],
)
def test_what_cannot_be_parted_is_named_by_its_line(text, separator, complaint):
    with pytest.raises(DataError, match=rf"t\.csv, {complaint}") as raised:
        records(text, separator)
    assert "\n" not in str(raised.value)


def test_files_of_columns(tmp_path):
    ids = pa.array([1, 2])
    table = pa.Table.from_arrays([ids, pa.array(["A", "B"]), ids], ["item", "title", "title"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as file:
        file.write_table(table)
    for name in ("t.parquet", "t.arrow"):
        read = read_arrow_table(tmp_path / name)
        assert read == table
        assert column_values(read, 1, name) == ["A", "B"]
        assert read_items(tmp_path / name).titles == ["A", "B"]
    (tmp_path / "t.arrow").write_bytes((tmp_path / "t.arrow").read_bytes()[:-9])
    with pytest.raises(DataError, match=r"t\.arrow: .* damaged"):
        read_arrow_table(tmp_path / "t.arrow")

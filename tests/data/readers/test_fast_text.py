"""The kernel's columns against Arrow's, of the same text."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.columns import Roles
from fastmf.data.readers.arrow_text import ArrowText, SuperfluousZeroError, UnusableTextError
from fastmf.data.readers.dialect import Dialect
from fastmf.data.readers.fast_text import FastText

ODD_IDS = ["0", "-0", "007", "7.0", "NA", "", "é", '"q"', "a b"]
ODD_RATINGS = ["5", ".5", "5.", "1e3", "-0", "nan", "", "x"]
ID = st.integers(-30, 10**18).map(str) | st.sampled_from(ODD_IDS)
RATING = st.floats(-10, 10).map(repr) | st.sampled_from(ODD_RATINGS)
TIME = st.integers(0, 10**13).map(str) | st.dates().map(str) | st.sampled_from(["", "-5", "NULL"])
ROWS = st.lists(st.tuples(ID, RATING, ID, TIME), min_size=1, max_size=4)
KINDS = {
    "int": pa.int64(),
    "text": pa.large_string(),
    "date": pa.date32(),
    "moment": pa.timestamp("s"),
}


def make_dialect(separator, n_fields, line_end=b"\n"):
    return Dialect(separator, None, n_fields, line_end, (), b"")


def parsers(separator, kinds, line_end=b"\n"):
    """Return both parsers of lines of a user, a rating, an item and maybe a time."""
    roles = Roles(0, 2, 1, 3 if len(kinds) == 3 else None)
    types = {"1": pa.float64(), **dict(zip("023", (KINDS[kind] for kind in kinds), strict=False))}
    dialect = make_dialect(separator, len(kinds) + 1, line_end)
    return FastText(dialect, roles, types), ArrowText(dialect, roles, types)


@settings(deadline=None, max_examples=500)
@given(
    ROWS,
    st.sampled_from([",", "\t", ";", "|", "::", " "]),
    st.sampled_from([("int", "int"), ("int", "text", "int"), ("text", "int", "date")]),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_what_the_kernel_reads_arrow_reads_the_same(rows, separator, kinds, end):
    text = end.join(separator.join(row[: len(kinds) + 1]) for row in rows).encode()
    fast, arrow = parsers(separator, kinds)
    parsed = fast.parse(text, len(text), most_aside=len(rows))
    kept = np.ones(len(text), np.bool_)
    for start, stop in parsed.aside:
        kept[start:stop] = False
    expected = arrow.parse(bytes(np.frombuffer(text, np.uint8)[kept]))
    assert (parsed.batch is None) == (expected is None)
    if expected is None:
        return
    for name in ("users", "items"):
        assert getattr(parsed.batch, name).equals(getattr(expected, name))
    np.testing.assert_array_equal(
        parsed.batch.values.to_numpy(), expected.values.to_numpy().astype(np.float32)
    )
    if kinds[-1] == "int" and len(kinds) == 3:
        assert parsed.batch.time.equals(expected.time)
    elif len(kinds) == 3:
        assert parsed.batch.time.equals(expected.time.cast(pa.timestamp("s")))


@pytest.mark.parametrize("separator", [",", "\t", ";", "|", "::", " "])
def test_plain_rows_are_all_read_by_the_kernel(separator):
    rows = [("1", "2.5", "3", "4"), ("-12", "4", "9", "0"), ("7", "1e-1", "8", "-3")]
    text = "\r\n".join(separator.join(row) for row in rows).encode()
    fast, _ = parsers(separator, ("int", "int", "int"))
    parsed = fast.parse(text, len(text))
    assert len(parsed.batch.values) == 3
    assert parsed.batch.items.to_pylist() == [3, 9, 8]


@pytest.mark.parametrize(
    ("kind", "times", "seconds"),
    [
        ("date", ["2005-09-06", "1969-12-31"], [1_125_964_800, -86_400]),
        ("moment", ["2005-09-06 00:00:01", "2005-09-06T00:00:02"], [1_125_964_801, 1_125_964_802]),
    ],
)
def test_dates_are_read_by_the_kernel(kind, times, seconds):
    text = "".join(f"1,2,3,{time}\n" for time in times).encode()
    fast, _ = parsers(",", ("int", "int", kind))
    column = fast.parse(text, len(text)).batch.time
    assert column.type == pa.timestamp("s")
    assert column.view(pa.int64()).to_pylist() == seconds


@pytest.mark.parametrize(
    "line", ["007,1,2", "1,1,2.0", '"1",1,2', "1,,2", "1,x,2", "1,1", "1,1,2,3", "1,1,\0", " 1,1,2"]
)
def test_what_is_not_plain_is_left_to_arrow(line):
    text = f"1,2,3\n{line}\n4,5,6\n".encode()
    fast, arrow = parsers(",", ("int", "int"))
    assert fast.parse(text, len(text)) is None
    parsed = fast.parse(text, len(text), most_aside=1)
    assert parsed.batch.users.to_pylist() == [1, 4]
    ((begin, end),) = parsed.aside.tolist()
    assert text[begin:end].decode() == f"{line}\n"
    if line in ("1,1,2.0", '"1",1,2', " 1,1,2"):
        assert len(arrow.parse(text).values) == 3
    else:
        with pytest.raises((UnusableTextError, SuperfluousZeroError)):
            arrow.parse(text)


def test_columns_are_views_that_outlive_the_text():
    text = bytearray(b"a,1,b\nccc,2,dd\n" * 1000)
    fast, _ = parsers(",", ("text", "text"))
    batch = fast.parse(bytes(text), len(text)).batch
    text[:] = b"x" * len(text)
    assert batch.users.to_pylist() == ["a", "ccc"] * 1000
    assert batch.items.to_pylist() == ["b", "dd"] * 1000


def test_text_that_is_not_utf_8_is_left_to_arrow():
    text = "Jos\xe9,1,b\n".encode("latin-1")
    fast, arrow = parsers(",", ("text", "text"))
    assert fast.parse(text, len(text)) is None
    with pytest.raises(UnusableTextError):
        arrow.parse(text)


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n\r\n"])
def test_blank_lines_hold_no_rows(text):
    fast, arrow = parsers(",", ("int", "int"))
    assert fast.parse(text, len(text)).batch is None
    assert arrow.parse(text) is None

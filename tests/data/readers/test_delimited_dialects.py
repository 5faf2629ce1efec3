"""Tables in random dialects read back equal; ids and times at their limits."""

import csv
import gzip
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmf.data import read_ratings
from fastmf.data.readers import delimited
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame

LETTERS = st.characters(codec="utf-8", categories=("L", "N", "S"))
IDS = {
    "small": st.integers(0, 50),
    "signed": st.integers(-(10**17), 10**17),
    "text": st.text(LETTERS, min_size=1, max_size=12).map(lambda letters: f"i{letters}"),
    "spaced": st.text(LETTERS | st.just(" "), max_size=12).map(lambda letters: f"i {letters}x"),
    "quoted": st.text(LETTERS | st.sampled_from(',;\t|"\n '), max_size=9).map(lambda t: f"i{t}x"),
}
RATINGS = {
    "stars": st.integers(1, 5),
    "halves": st.integers(1, 10).map(lambda n: n / 2),
    "any": st.floats(-1000, 1000, width=32).filter(lambda value: value == 0 or abs(value) > 1e-9),
}
TIMES = {"seconds": 1, "milliseconds": 1000, "dates": 86_400, "moments": 1}


@st.composite
def tables(draw):
    """Return a frame of ratings, and the kinds of its columns."""
    users, items = (draw(st.sampled_from(sorted(IDS))) for _ in range(2))
    ratings = draw(st.sampled_from(sorted(RATINGS)))
    row = st.tuples(IDS[users], IDS[items], RATINGS[ratings], st.integers(10**9, 2 * 10**9))
    rows = draw(st.lists(row, min_size=2, max_size=12, unique_by=lambda row: row[:2]))
    frame = pd.DataFrame(rows, columns=["user", "item", "rating", "time"])
    if pd.api.types.is_integer_dtype(frame["rating"]):
        frame["rating"] = frame["rating"].astype(np.float64)
    return frame, {users, items}


@st.composite
def dialects(draw, kinds):
    separators = [",", "\t", ";", "|"]
    if "quoted" not in kinds:
        separators.append("::")
        if "spaced" not in kinds:
            separators.append(" ")
    separator = draw(st.sampled_from(separators))
    plain = separator in ("::", " ")
    return {
        "separator": separator,
        "quoting": csv.QUOTE_NONE
        if plain
        else draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC, csv.QUOTE_ALL])),
        "line_end": draw(st.sampled_from(["\n", "\r\n"])),
        # The first line tells the separator, so it must be a record.
        "header": "quoted" in kinds or draw(st.booleans()),
        "mark": draw(st.booleans()),
        "closed": draw(st.booleans()),
        "compressed": draw(st.booleans()),
        "comma": separator not in (",",) and draw(st.booleans()),
        "time": draw(st.sampled_from([None, "seconds", "milliseconds", "dates", "moments"])),
        "block": draw(st.sampled_from([30, 300, 1 << 20])),
    }


def written_times(seconds, kind):
    moments = pd.to_datetime(seconds, unit="s")
    if kind == "dates":
        return moments.dt.strftime("%Y-%m-%d")
    if kind == "moments":
        return moments.dt.strftime("%Y-%m-%dT%H:%M:%S")
    return seconds * TIMES[kind]


def write(path, frame, dialect):
    """Write a frame in a dialect; pandas writes no separators of two letters."""
    frame = frame.copy()
    if dialect["time"] is None:
        del frame["time"]
    else:
        frame["time"] = written_times(frame["time"], dialect["time"])
    point = "," if dialect["comma"] else "."
    frame["rating"] = [repr(value).replace(".", point) for value in frame["rating"]]
    separator = dialect["separator"]
    if dialect["quoting"] == csv.QUOTE_NONE:
        lines = [separator.join(map(str, row)) for row in frame.itertuples(index=False)]
        lines = [separator.join(frame.columns)] * dialect["header"] + lines
        text = dialect["line_end"].join(lines) + dialect["line_end"]
    else:
        text = frame.to_csv(
            index=False,
            sep=separator,
            header=dialect["header"],
            quoting=dialect["quoting"],
            lineterminator=dialect["line_end"],
        )
    if not dialect["closed"]:
        text = text.removesuffix(dialect["line_end"])
    data = b"\xef\xbb\xbf" * dialect["mark"] + text.encode()
    path.write_bytes(gzip.compress(data) if dialect["compressed"] else data)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_tables_in_any_dialect_read_back_equal(tmp_path, data):
    frame, kinds = data.draw(tables())
    dialect = data.draw(dialects(kinds))
    path = tmp_path / "r.txt"
    write(path, frame, dialect)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", dialect["block"])
        ratings = read_ratings(path, cache=False, duplicates="error", trainable=False)
    step = 86_400 if dialect["time"] == "dates" else 1
    frame["time"] = frame["time"] // step * step
    assert_same(ratings, frame, time=dialect["time"] is not None)


HUGE = [2**63, 2**64, 10**30]


@pytest.mark.parametrize("huge", HUGE)
@pytest.mark.parametrize("row", [1, 300])
def test_ids_beyond_64_bits_are_text(tmp_path, huge, row):
    frame = make_frame()
    users = [str(user) for user in frame["userId"]]
    users[row] = str(huge)
    frame["userId"] = users
    frame.to_csv(tmp_path / "r.csv", index=False)
    ratings = read_ratings(tmp_path / "r.csv")
    assert_same(ratings, frame)
    assert ratings.users.kind == "str"
    assert f'because of "{huge}" in line {row + 2}' in ratings.notes[0]


@pytest.mark.parametrize("lowest", [-1, -(10**17), -(10**18) + 1])
def test_negative_ids_are_integers(tmp_path, lowest):
    frame = make_frame()
    frame.loc[[5, 400], "userId"] = lowest
    frame.to_csv(tmp_path / "r.csv", index=False)
    ratings = read_ratings(tmp_path / "r.csv")
    assert_same(ratings, pd.read_csv(tmp_path / "r.csv"))
    assert ratings.users.kind == "int"


def test_integers_and_text_mixed_are_text_throughout(tmp_path):
    frame = make_frame(400)
    frame["movieId"] = [f"tt{n}" if n % 3 else str(n) for n in frame["movieId"]]
    frame.to_csv(tmp_path / "r.csv", index=False)
    ratings = read_ratings(tmp_path / "r.csv")
    assert_same(ratings, pd.read_csv(tmp_path / "r.csv", dtype={"movieId": str}))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("header", [True, False])
def test_a_byte_order_mark_is_no_part_of_the_table(tmp_path, encoding, header):
    frame = make_frame()
    frame.to_csv(tmp_path / "r.csv", index=False, header=header, encoding=encoding)
    ratings = read_ratings(tmp_path / "r.csv")
    assert_same(ratings, frame)
    assert ratings.users.kind == "int"


@pytest.mark.parametrize("block_bytes", [200, 8 << 20])
def test_a_quote_that_stays_open_is_named_by_its_line(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", block_bytes)
    rows = "".join(f"{n},{n % 7},5\n" for n in range(100))
    (tmp_path / "r.csv").write_text(f'user,item,rating\n{rows}100,"3,4\n{rows}')
    with pytest.raises(DataError, match=r"r\.csv, line 102: a quote is opened here and never"):
        read_ratings(tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("written", "per_second"),
    [
        (lambda times: times, 1),
        (lambda times: times * 1000 + 999, 1),
        (lambda times: times * 10**6 + 7, 1),
        (lambda times: [f"{time}.75" for time in times], 1),
        (lambda times: pd.to_datetime(times, unit="s").dt.strftime("%Y-%m-%d"), 86_400),
        (lambda times: pd.to_datetime(times, unit="s").dt.strftime("%Y-%m-%d %H:%M:%S"), 1),
        (lambda times: pd.to_datetime(times, unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), 1),
        (lambda times: pd.to_datetime(times, unit="s").dt.strftime("%Y-%m-%d %H:%M:%S.125"), 1),
        (lambda times: pd.to_datetime(times, unit="s").dt.strftime("%Y-%m-%dT%H:%M"), 60),
    ],
    ids=["s", "ms", "us", "float", "date", "moment", "zone", "fraction", "minutes"],
)
def test_times_of_many_forms_become_seconds(tmp_path, written, per_second):
    frame = make_frame()
    expected = frame["timestamp"] // per_second * per_second
    frame["timestamp"] = written(frame["timestamp"])
    frame.to_csv(tmp_path / "r.csv", index=False)
    frame["timestamp"] = expected
    ratings = read_ratings(tmp_path / "r.csv")
    assert ratings.notes == ()
    assert_same(ratings, frame)


def test_a_file_cut_short_while_it_is_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 10_000)
    path = tmp_path / "r.csv"
    path.write_text("".join(f"{n},{n % 7},5\n" for n in range(50_000)))

    def cut(rows):
        os.truncate(path, 300_000)

    with pytest.raises(DataError, match=r"r\.csv: changed while it was being read"):
        read_ratings(path, progress=cut)


def test_a_file_that_still_grows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 10_000)
    path = tmp_path / "r.csv"
    path.write_text("".join(f"{n},{n % 7},5\n" for n in range(50_000)))

    def append(rows):
        with path.open("a") as file:
            file.write("1,2,3\n")

    with pytest.raises(DataError, match=r"r\.csv: changed while it was being read"):
        read_ratings(path, progress=append)

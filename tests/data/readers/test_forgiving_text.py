import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmf.data import read_ratings
from fastmf.data.readers import delimited, forgiving_text
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame, write_text

HEAD = "user,item,rating\n"
BAD = [
    ("3,10", "2 fields, where the lines before have 3"),
    ("3,10,4,5", "4 fields, where the lines before have 3"),
    ("3,10,", "the rating is missing"),
    ("3,10,good", "the rating is 'good', not a finite number"),
    ("3,10,NaN", "the rating is 'NaN', not a finite number"),
    ("3,10,-inf", "the rating is '-inf', not a finite number"),
    ("3,10,1e999", "the rating is '1e999', not a finite number"),
    ("3,10,1e60", "the rating is 1e+60, too large for single precision (at most 3.4e+38); scale"),
    ("3,10,1e-60", "the rating is 1e-60, too small for single precision"),
    ("3,10,1e-999", "the rating is 1e-999, too small for single precision"),
    (",10,3", "the user id is missing ('')"),
    ("3,NULL,3", "the item id is missing ('NULL')"),
    ("NA,10,3", "the user id is missing ('NA')"),
    ("3,1\0,3", "a NUL byte, which text does not hold"),
    ("\0" * 20, "a NUL byte, which text does not hold"),
    ("3", "1 fields, where the lines before have 3"),
]


@pytest.fixture(params=["one block", "many blocks", "by halves"])
def blocks(request, monkeypatch):
    """Read files as one block, as many that end anywhere, and without lines set aside."""
    if request.param == "many blocks":
        monkeypatch.setattr(delimited, "BLOCK_BYTES", 1000)
    if request.param == "by halves":
        monkeypatch.setattr(forgiving_text, "_MOST_ASIDE", 0)
        monkeypatch.setattr(forgiving_text, "_FEW_RECORDS", 5)


def good_lines(n_rows, start=100):
    return [f"{n},{n % 7},{n % 5}.5" for n in range(start, start + n_rows)]


def expect(lines):
    """Return the frame that lines make."""
    rows = [line.split(",") for line in lines]
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    return frame.astype({"user": np.int64, "item": np.int64, "rating": np.float64})


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("before", [20, 400])
@pytest.mark.parametrize(("line", "complaint"), BAD)
def test_a_bad_row_is_left_out_and_said(tmp_path, line, complaint, before):
    lines = good_lines(before + 50)
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join([*lines[:before], "", line, *lines[before:]]) + "\n")
    ratings = read_ratings(path, on_bad_rows="skip")
    assert_same(ratings, expect(lines), time=False)
    (note,) = ratings.notes
    start = f"{path}: 1 row left out that cannot be used: line {before + 3}: {complaint}"
    assert note.startswith(start)


@pytest.mark.usefixtures("blocks")
def test_the_first_five_are_named_in_the_order_of_the_file(tmp_path):
    lines = good_lines(600)
    bad = range(7, 600, 60)
    for row in bad:
        lines[row] = lines[row].rpartition(",")[0]
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join(lines))
    ratings = read_ratings(path, on_bad_rows="skip")
    assert_same(ratings, expect([x for n, x in enumerate(lines) if n not in bad]), time=False)
    why = "2 fields, where the lines before have 3"
    named = "; ".join(f"line {row + 2}: {why}" for row in list(bad)[:5])
    assert ratings.notes == (f"{path}: 10 rows left out that cannot be used: {named}; ...",)


def test_any_number_of_threads_leaves_out_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 500)
    lines = good_lines(900)
    for row in range(5, 900, 9):
        lines[row] += ",9"
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join(lines))
    one, five = (read_ratings(path, on_bad_rows="skip", cache=False, num_threads=n) for n in (1, 5))
    assert one.notes == five.notes
    np.testing.assert_array_equal(one.user_index, five.user_index)


@pytest.mark.usefixtures("blocks")
def test_rows_that_only_a_slower_parser_reads_are_kept(tmp_path):
    lines = good_lines(300)
    written = list(lines)
    written[100] = lines[100].replace(",", ".0,", 1)
    written[200] = " " + lines[200].replace(",", " ,")
    written[150] = "1,2"
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join(written))
    ratings = read_ratings(path, on_bad_rows="skip")
    assert_same(ratings, expect(lines[:150] + lines[151:]), time=False)
    assert ratings.users.kind == "int"


@pytest.mark.usefixtures("blocks")
def test_bad_rows_among_quoted_line_breaks_are_left_out(tmp_path):
    rows = [f'"a\n{n}",{n % 7},5\n' for n in range(300)]
    rows[100] = "b,3,bad\n"
    rows[200] = '"b\n\nc",3\n'
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "".join(rows))
    ratings = read_ratings(path, on_bad_rows="skip")
    assert len(ratings) == 298
    expected = [f"a\n{n}" for n in range(300) if n not in (100, 200)]
    assert ratings.users.take(ratings.user_index).tolist() == expected
    assert ratings.notes == (
        f"{path}: 2 rows left out that cannot be used: line 202: the rating is 'bad', not a finite "
        "number; line 401: 2 fields, where the lines before have 3; is a quote left open?",
    )


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("row", [30, 400])
def test_ids_are_never_bad_for_being_text(tmp_path, row):
    lines = good_lines(500)
    lines[row] = f"X{row},1,5"
    lines[20] = "y,2,nan"  # no reason: it is left out
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join(lines))
    ratings = read_ratings(path, on_bad_rows="skip")
    assert ratings.users.kind == "str"
    assert len(ratings) == 499
    assert ratings.notes[0] == (
        f'{path}: the user ids are text because of "X{row}" in line {row + 2}'
    )
    assert ratings.notes[1].startswith(f"{path}: 1 row left out that cannot be used: line 22: ")


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("bad", ["x,1,nan", ",1,4", "5,,4", "x,1"])
@pytest.mark.parametrize("row", [0, 30, 300])
def test_rows_that_are_left_out_tell_no_types(tmp_path, bad, row):
    lines = good_lines(350)
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join([*lines[:row], bad, *lines[row:]]))
    ratings = read_ratings(path, on_bad_rows="skip")
    assert_same(ratings, expect(lines), time=False)
    assert ratings.users.kind == ratings.items.kind == "int"


@pytest.mark.usefixtures("blocks")
def test_text_ids_that_are_not_utf_8_are_left_out(tmp_path):
    lines = [f"ü{n},{n % 7},5".encode() for n in range(300)]
    lines[120] = "Jos\xe9,2,3".encode("latin-1")
    path = tmp_path / "r.csv"
    path.write_bytes(HEAD.encode() + b"\n".join(lines))
    ratings = read_ratings(path, on_bad_rows="skip")
    assert len(ratings) == 299
    assert "line 122: the user id is not UTF-8" in ratings.notes[0]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("separator", ["::", " ", "\t", ";", "|"])
def test_bad_rows_of_every_separator_are_left_out(tmp_path, separator):
    lines = good_lines(300)
    written = [line.replace(",", separator) for line in lines]
    written[77] = separator.join("12")
    written[278] = separator.join("12345")
    path = tmp_path / "r.dat"
    path.write_text("\r\n".join(written))
    ratings = read_ratings(path, on_bad_rows="skip")
    kept = [line for row, line in enumerate(lines) if row not in (77, 278)]
    assert_same(ratings, expect(kept), time=False)
    assert "2 rows left out that cannot be used: line 78: 2 fields" in ratings.notes[-1]
    assert "line 279: 5 fields" in ratings.notes[-1]


@pytest.mark.usefixtures("blocks")
def test_duplicates_are_named_by_their_lines_behind_rows_left_out(tmp_path):
    lines = good_lines(300)
    lines[10] = "bad"
    lines[200] = "9,9"
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join([*lines, lines[290]]))
    with pytest.raises(DataError, match=r"r\.csv, line 302, repeats .*r\.csv, line 292;"):
        read_ratings(path, on_bad_rows="skip", duplicates="error")


def test_nothing_is_left_of_a_file_of_bad_rows(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "1,2\n3,4,x\n" * 4)
    with pytest.raises(DataError) as caught:
        read_ratings(path, on_bad_rows="skip")
    assert str(caught.value).startswith(
        f"{path}: none of its 8 rows can be used: line 2: 2 fields, where the lines before have 3, "
        "line 3: the rating is 'x', not a finite number, line 4: 2 fields"
    )


def test_the_parts_of_a_folder_tell_of_their_own_rows(tmp_path):
    for name in "ab":
        lines = good_lines(50, start=100 if name == "a" else 300)
        (tmp_path / f"{name}.csv").write_text(HEAD + "\n".join([*lines, "1,2"]))
    ratings = read_ratings(tmp_path, on_bad_rows="skip")
    assert len(ratings) == 100
    assert [note.partition(": 1 row left out")[0] for note in ratings.notes] == [
        str(tmp_path / "a.csv"),
        str(tmp_path / "b.csv"),
    ]


def test_compressed_text_is_treated_alike(tmp_path):
    lines = good_lines(300)
    text = HEAD + "\n".join([*lines[:200], "1;2;3", *lines[200:]])
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(text.encode()))
    ratings = read_ratings(tmp_path / "r.csv.gz", on_bad_rows="skip")
    assert_same(ratings, expect(lines), time=False)
    assert "line 202: 1 fields" in ratings.notes[0]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("times", ["numbers", "dates"])
def test_a_row_whose_named_time_cannot_be_read_is_left_out(tmp_path, times):
    frame = make_frame()
    if times == "dates":
        days = pd.to_datetime(frame["timestamp"], unit="s").dt.floor("D")
        frame["timestamp"] = days.astype(str)
    written = frame.astype({"timestamp": object})
    written.loc[250, "timestamp"] = "once"
    written.loc[300, "timestamp"] = ""
    path = write_text(tmp_path / "r.csv", written)
    ratings = read_ratings(path, on_bad_rows="skip", time_column="timestamp")
    kept = make_frame().drop([250, 300])
    if times == "dates":
        kept["timestamp"] = kept["timestamp"] // 86_400 * 86_400
    assert_same(ratings, kept)
    assert "line 252: the time is 'once', which cannot be read" in ratings.notes[0]
    assert "line 302: a time is missing" in ratings.notes[0]
    # Nobody asked for times: rows are worth more.
    unnamed = read_ratings(path, on_bad_rows="skip")
    assert len(unnamed) == 500
    assert unnamed.time is None


def test_a_file_with_nothing_wrong_reads_the_same(tmp_path):
    path = write_text(tmp_path / "r.csv", make_frame())
    ratings = read_ratings(path, on_bad_rows="skip")
    assert_same(ratings, make_frame())
    assert ratings.notes == ()


ROW = st.tuples(
    st.integers(-5, 40), st.integers(0, 10**17), st.integers(1, 10).map(lambda n: n / 2)
)
BROKEN = st.sampled_from(
    ["{u}", "{u},{i}", "{u},{i},{r},{r}", "{u},{i},", ",{i},{r}", "{u},{i},x{r}", "{u},{i},\0"]
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(ROW, st.none() | st.none() | BROKEN), min_size=30, max_size=80),
    st.sampled_from([",", "\t", "::", " ", ";"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([60, 200, 1 << 20]),
    st.sampled_from([0, 2, 4096]),
)
def test_the_rows_left_out_are_those_that_were_broken(
    tmp_path, rows, separator, end, block_bytes, most_aside
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", block_bytes)
        patch.setattr(forgiving_text, "_MOST_ASIDE", most_aside)
        patch.setattr(forgiving_text, "_FEW_RECORDS", 4)
        good = [(7, 8, 1.5), (8, 7, 2.5)] + [row for row, broken in rows if broken is None]
        if separator == " ":  # an empty field is none
            rows = [(row, broken and broken.removeprefix(",")) for row, broken in rows]
        lines = ["7,8,1.5", "8,7,2.5"] + [
            (broken or "{u},{i},{r}").format(u=row[0], i=row[1], r=row[2]) for row, broken in rows
        ]
        path = tmp_path / "r.txt"
        path.write_text(end.join(line.replace(",", separator) for line in lines), newline="")
        n_nul = sum("\0" in line for line in lines)
        if n_nul > 0.1 * len(lines):
            return
        ratings = read_ratings(path, on_bad_rows="skip", cache=False, duplicates="last")
        n_bad = len(lines) - len(good)
        frame = pd.DataFrame(good, columns=["user", "item", "rating"])
        frame = frame.drop_duplicates(["user", "item"], keep="last")
        got = pd.DataFrame(
            {
                "user": ratings.users.take(ratings.user_index),
                "item": ratings.items.take(ratings.item_index),
                "rating": ratings.value,
            }
        )
        assert sorted(got.itertuples(index=False)) == sorted(frame.itertuples(index=False))
        told = [note for note in ratings.notes if "left out that cannot be used" in note]
        assert len(told) == (n_bad > 0)
        if n_bad:
            assert f": {n_bad} row" in told[0]


OPENED = {
    "to the end": ('5,"6,3', "7,8,4"),
    "to a quote": ('5,"6,3', '7,"8",4'),
    "to a quote at a line's start": ('5,"6,3', '"7",8,4'),
    "to a quote at a line's end": ('5,"6,3', '7,8,4"'),
    "of the rating": ('5,6,"3', '7,"8",4'),
    "of the first field": ('"5,6,3', "7,8,4"),
}


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("case", list(OPENED))
@pytest.mark.parametrize("n_between", [0, 3, 20_000])
def test_an_open_quote_takes_its_own_line_only(tmp_path, case, n_between):
    opened, closing = OPENED[case]
    before, behind = good_lines(50), good_lines(30, 50_000)
    between = good_lines(n_between, 1000)
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join([*before, opened, *between, closing, *behind]) + "\n")
    ratings = read_ratings(path, on_bad_rows="skip")
    ends_badly = closing.endswith('"')  # text that is no rating
    expected = [*before, *between, *([] if ends_badly else [closing.replace('"', "")]), *behind]
    assert_same(ratings, expect(expected), time=False)
    (note,) = [note for note in ratings.notes if "left out" in note]
    # A bad record of several lines of which none is another record counts as one.
    assert note.startswith(f"{path}: {2 if ends_badly and n_between else 1} row")
    assert "line 52: " in note
    with pytest.raises(DataError, match="line 52"):
        read_ratings(path)


@pytest.mark.usefixtures("blocks")
def test_rows_behind_an_open_quote_are_named_by_their_lines(tmp_path):
    lines = good_lines(300)
    lines[100] = '5,"6,3'
    lines[200] = "9,9,4\n9,9,5"
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "\n".join(lines))
    with pytest.raises(DataError, match=r"r\.csv, line 203, repeats .*r\.csv, line 202"):
        read_ratings(path, on_bad_rows="skip", duplicates="error")

import gzip
import io
import lzma

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fastmf.data import read_ratings
from fastmf.data.readers import delimited
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame, write_text


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request, monkeypatch):
    """Read files both as one block and as many that end anywhere."""
    if request.param == "many blocks":
        monkeypatch.setattr(delimited, "BLOCK_BYTES", 1000)


def by_double_colon(frame):
    lines = ["::".join(map(str, row)) for row in frame.itertuples(index=False)]
    return "\n".join(lines) + "\n"


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_separators_are_found(tmp_path, separator, text):
    frame = make_frame(text=text)
    assert_same(read_ratings(write_text(tmp_path / "r.csv", frame, sep=separator)), frame)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("text", [False, True])
def test_double_colons_part_fields(tmp_path, text):
    frame = make_frame(text=text)
    (tmp_path / "ratings.dat").write_text(by_double_colon(frame))
    ratings = read_ratings(tmp_path / "ratings.dat")
    assert_same(ratings, frame)
    assert ratings.notes == (
        f"{tmp_path / 'ratings.dat'}: no header: columns taken as user, item, rating, time",
    )


@pytest.mark.usefixtures("blocks")
def test_runs_of_spaces_part_fields(tmp_path):
    frame = make_frame()
    lines = (f"  {u}   {i} \t{r} {t}  " for u, i, r, t in frame.itertuples(index=False))
    (tmp_path / "r.txt").write_text("\r\n".join(lines))
    assert_same(read_ratings(tmp_path / "r.txt"), frame)


@pytest.mark.usefixtures("blocks")
def test_what_a_spreadsheet_writes_is_read(tmp_path):
    frame = make_frame(text=True)
    text = frame.to_csv(index=False, sep=";", decimal=",", quoting=2, lineterminator="\r\n")
    (tmp_path / "r.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert_same(read_ratings(tmp_path / "r.csv"), frame)


@pytest.mark.usefixtures("blocks")
def test_quoted_fields_may_hold_separators_quotes_and_line_breaks(tmp_path):
    frame = make_frame(text=True)
    frame["userId"] = [f'{name}, "the\n{name}"' for name in frame["userId"]]
    assert_same(read_ratings(write_text(tmp_path / "r.csv", frame)), frame)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".gz", "gzip"), (".zst", "zstd"), (".bz2", "bz2"), (".lz4", "lz4")]
)
def test_compressed_text_is_read(tmp_path, suffix, codec):
    frame = make_frame()
    path = tmp_path / f"r.csv{suffix}"
    with pa.CompressedOutputStream(str(path), codec) as file:
        file.write(frame.to_csv(index=False).encode())
    assert_same(read_ratings(path), frame)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("ending", [b"\n", b"", b"\n\n", b"\r\n"])
def test_the_last_line_may_end_as_it_likes(tmp_path, ending):
    frame = make_frame(120)
    text = frame.to_csv(index=False).strip().encode()
    (tmp_path / "r.csv").write_bytes(text.replace(b"\n", b"\n\n", 3) + ending)
    assert_same(read_ratings(tmp_path / "r.csv"), frame)


def test_lines_may_end_with_carriage_returns_alone(tmp_path):
    frame = make_frame(50)
    (tmp_path / "r.csv").write_text(frame.to_csv(index=False, lineterminator="\r"))
    assert_same(read_ratings(tmp_path / "r.csv"), frame)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("late", ["007", "X12", "99999999999999999999", "3.5"])
def test_ids_that_turn_out_to_be_text_are_read_as_text(tmp_path, late):
    frame = make_frame()
    frame["movieId"] = [str(item) for item in frame["movieId"]]
    frame.loc[400, "movieId"] = late
    assert_same(read_ratings(write_text(tmp_path / "r.csv", frame)), frame)


def test_ids_with_leading_zeros_stay_apart(tmp_path):
    (tmp_path / "r.csv").write_text("user,item,rating\n7,1,3\n007,1,4\n07,2,5\n")
    ratings = read_ratings(tmp_path / "r.csv")
    assert ratings.users.take([0, 1, 2]).tolist() == ["7", "007", "07"]


def test_columns_without_a_header_are_named_by_number(tmp_path):
    (tmp_path / "r.csv").write_text("5,a,1,9\n3,b,2,9\n4,b,1,8\n")
    ratings = read_ratings(tmp_path / "r.csv", user_column="2", item_column="4", rating_column="1")
    assert ratings.users.take([0, 1]).tolist() == ["a", "b"]
    assert ratings.items.take(ratings.item_index).tolist() == [9, 9, 8]
    assert ratings.value.tolist() == [5, 3, 4]
    assert ratings.time is None


def test_dates_become_times_and_other_text_is_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("user,item,rating,date\n1,2,3,2005-09-06\n2,1,4,1999-12-31\n")
    assert read_ratings(tmp_path / "a.csv").time.tolist() == [1_125_964_800, 946_598_400]
    (tmp_path / "b.csv").write_text("user,item,rating,date\n1,2,3,2005-09-06\n2,1,4,someday\n")
    ratings = read_ratings(tmp_path / "b.csv")
    assert ratings.time is None
    assert ratings.notes == ("times left out: the time column holds text that is not a timestamp",)
    with pytest.raises(DataError, match=r"b\.csv: the time column holds text"):
        read_ratings(tmp_path / "b.csv", time_column="date")


HEAD = "user,item,rating\n1,10,3\n2,20,4\n\n"


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("before", [0, 200])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3,10,NaN", "the rating is 'NaN', not a finite number"),
        ("3,10,-inf", "the rating is '-inf', not a finite number"),
        ("3,10,good", "the rating is 'good', not a finite number"),
        ("3,10,1e999", "the rating is '1e999', not a finite number"),
        ("3,10,", "the rating is missing"),
        (",10,3", "the user id is missing"),
        ("  ,10,3", "the user id is missing"),
        ("3,NULL,3", r"the item id is missing \('NULL'\)"),
        ("3,10", "2 fields, where the lines before have 3"),
        ("3,10,4,5", "4 fields, where the lines before have 3"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path, line, message, before):
    rows = "".join(f"{n},{n % 7},5\n" for n in range(100, 100 + before))
    (tmp_path / "r.csv").write_text(f"{HEAD}{rows}{line}\n4,10,5\n")
    expected = f"r.csv, line {5 + before}: {message}"
    with pytest.raises(DataError, match=expected):
        read_ratings(tmp_path / "r.csv")


@pytest.mark.usefixtures("blocks")
def test_a_bad_line_behind_quoted_line_breaks_is_named_by_its_number(tmp_path):
    rows = "".join(f'"a\n{n}",{n % 7},5\n' for n in range(100))
    (tmp_path / "r.csv").write_text(f"user,item,rating\n{rows}b,3,bad\n")
    with pytest.raises(DataError, match=r"r\.csv, line 202: the rating is 'bad'"):
        read_ratings(tmp_path / "r.csv")


@pytest.mark.usefixtures("blocks")
def test_duplicates_are_named_by_their_lines(tmp_path):
    rows = "".join(f"{n},{n % 7},5\n" for n in range(100, 300))
    (tmp_path / "r.csv").write_text(f"{HEAD}{rows}2,20,5\n")
    with pytest.raises(DataError, match=r"r.csv, line 205, repeats .*r.csv, line 3;"):
        read_ratings(tmp_path / "r.csv", duplicates="error")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"user,item,rating\n", "no ratings in it"),
        (b"user,item,rating", "no ratings in it|not a file fastmf knows"),
        (b"hello world\nfoo\n", "not a file fastmf knows: its first line"),
        (b"\x00\x01\x02\x03", "bytes that are not text"),
        ("user,item,rating\n1,2,3\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        ("user,item,rating\nJos\xe9,2,3\n".encode("latin1"), "line 2: the user id is not UTF-8"),
        (
            b'user,item,rating\n1,2,3\n4,"5,6\n7,8,9\n',
            "line 3: a quote is opened here and never closed",
        ),
        (
            b'user,item,rating\na,b,3\na,"c,6\n7,d,9\n8,"e",4\n',
            "line 3: a quote is opened here and not closed as it should be",
        ),
        (
            b"user:token\titem:token\n1\t2\n",
            "two columns .*; --unrated interactions .* takes each line",
        ),
        (b"1,2\n3,4\n", "two columns .*; --unrated interactions .* takes each line"),
    ],
)
def test_files_that_are_no_ratings_are_refused(tmp_path, content, message):
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_ratings(tmp_path / "r.csv")


def test_a_truncated_compressed_file_is_refused(tmp_path):
    path = tmp_path / "r.csv.gz"
    whole = gzip.compress(make_frame(2000).to_csv(index=False).encode())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"r.csv.gz: cannot be read"):
        read_ratings(path)


def test_a_record_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_LONGEST_RECORD", 100_000)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 10_000)
    rows = "".join(f"{n},{n % 7},5\n" for n in range(30_000))
    (tmp_path / "r.csv").write_text(f'user,item,rating\n1,2,3\n4,"5,6\n{rows}')
    with pytest.raises(DataError, match=r"r.csv, line 3: this record does not end"):
        read_ratings(tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ml-100k/u.data", {"sep": "\t", "header": None}),
        ("ml-1m/ratings.csv", {}),
        (
            "ml-1m/sample_100k_with_timestamps.dat",
            {"sep": "::", "header": None, "engine": "python"},
        ),
        ("ml-latest-small/ratings.csv", {}),
        ("anime/rating_tail.csv", {}),
        ("anime-5k/anime_ratings.dat", {"sep": "\t"}),
    ],
)
def test_published_files_read_as_pandas_reads_them(real_data, name, options):
    frame = pd.read_csv(real_data / name, **options)
    ratings = read_ratings(
        real_data / name,
        duplicates="error" if "anime/" not in name else "last",
        unrated="rating",
    )
    duplicated = frame.duplicated(list(frame.columns[:2]), keep="last")
    if duplicated.any():
        assert len(ratings) == (~duplicated).sum()
        assert "duplicate" in ratings.notes[0]
    else:
        assert_same(ratings, frame, time=frame.shape[1] == 4)


def test_any_number_of_threads_reads_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 2000)
    path = write_text(tmp_path / "r.csv", make_frame(2000, text=True))
    one, five = (read_ratings(path, cache=False, num_threads=n) for n in (1, 5))
    assert one.users == five.users
    assert one.items == five.items
    for name in ("user_index", "item_index", "value", "time"):
        np.testing.assert_array_equal(getattr(one, name), getattr(five, name))


def test_progress_counts_every_row(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 2000)
    path = write_text(tmp_path / "r.csv", make_frame(1000))
    counts = []
    read_ratings(path, progress=counts.append)
    assert len(counts) > 3
    assert sum(counts) == 1000


@pytest.mark.parametrize("seed", range(60))
def test_damaged_text_is_read_or_refused(tmp_path, seed):
    generator = np.random.default_rng(seed)
    frame = make_frame(60, text=seed % 2 == 1)
    separator = [",", "\t", "::", " "][seed % 4]
    written = io.StringIO(by_double_colon(frame).replace("::", separator)).getvalue()
    data = bytearray(written.encode())
    for _ in range(generator.integers(1, 4)):
        place = int(generator.integers(len(data)))
        match generator.integers(3):
            case 0:
                data[place] = generator.integers(256)
            case 1:
                del data[place : place + int(generator.integers(1, 30))]
            case 2:
                data[place:place] = generator.choice([b'"', b"\n", b"\r", b"\0", b",", b"::"])
    (tmp_path / "r.dat").write_bytes(data)
    try:
        ratings = read_ratings(tmp_path / "r.dat")
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(ratings.value).all()
        assert ratings.user_index.max() < ratings.n_users


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("where", [slice(None), slice(0, 1), slice(400, 401)])
def test_whole_numbers_with_a_point_are_integers(tmp_path, where):
    frame = make_frame()
    expected = frame.copy()
    frame["movieId"] = frame["movieId"].astype(object)
    frame.loc[frame.index[where], "movieId"] = [f"{n}.0" for n in frame["movieId"][where]]
    ratings = read_ratings(write_text(tmp_path / "r.csv", frame))
    assert ratings.items.kind == "int"
    assert ratings.notes == ()
    assert_same(ratings, expected)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("row", [3, 400])
@pytest.mark.parametrize("late", ["007", "abc", "5.7"])
def test_the_id_that_makes_text_of_all_is_noted(tmp_path, late, row):
    frame = make_frame()
    frame["userId"] = [str(user) for user in frame["userId"]]
    frame.loc[row, "userId"] = late
    path = write_text(tmp_path / "r.csv", frame)
    expected = (f'{path}: the user ids are text because of "{late}" in line {row + 2}',)
    assert read_ratings(path).notes == expected
    text = make_frame(text=True)
    assert read_ratings(write_text(tmp_path / "text.csv", text)).notes == ()


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz"])
@pytest.mark.parametrize("codec", ["gzip", "zstd", "bz2", "lz4", None])
def test_compression_is_told_by_the_content(tmp_path, name, codec):
    text = make_frame().to_csv(index=False).encode()
    with pa.OSFile(str(tmp_path / name), "wb") as file:
        target = pa.CompressedOutputStream(file, codec) if codec else file
        target.write(text)
        target.close()
    assert_same(read_ratings(tmp_path / name), make_frame())


@pytest.mark.parametrize(
    ("open_archive", "name"), [(lzma.compress, "xz"), (lambda data: b"PK\x03\x04" + data, "zip")]
)
def test_compression_that_is_not_read_is_named(tmp_path, open_archive, name):
    (tmp_path / "r.csv").write_bytes(open_archive(b"user,item,rating\n1,2,3\n"))
    with pytest.raises(DataError, match=rf"r\.csv: this file is compressed \({name}\); unpack it"):
        read_ratings(tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEAD.replace(",", ";") + "5;6;1\n" * 60 + "2;3;4,5\n", "line 65: the rating is '4,5'"),
        (
            HEAD + "5,6,1\n" * 60 + f"{'9' * 300_000},3,4\n7,2,x\n",
            "line 65: a field of more",
        ),
        ("1,2,3," * 100_000, "its first line does not end within 256 KiB"),
        (
            HEAD + "5,6,1\n" * 90_000 + '7,"8,2\n' + "9,8,1\n" * 90_000,
            "line 90005: a quote is opened here and never closed",
        ),
        (HEAD + "5,6,0\n7,8,1e-999\n", "line 6: the rating is 1e-999, too small for single"),
        ("rating,user,item\n1,2,3\n4,5,6\n" + '7,8,"9\n4,5,7\n', "line 4: a quote is opened"),
        (HEAD + "5,6,1\n" * 90_000 + "7,8\0,2\n", "line 90005: a NUL byte"),
        (HEAD + "5,6,1\n" * 90_000 + "7,8,1e-50\n", "line 90005: the rating is 1e-50, too small"),
    ],
)
def test_what_the_fast_parser_cannot_explain_is_explained(tmp_path, content, message):
    (tmp_path / "r.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        read_ratings(tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("text", "unrated", "line"),
    [
        ("ann,film,5\nbob,film,4\n", "drop", "user,item,rating"),
        ("ann,film\nbob,film\n", "interactions", "user,item"),
    ],
)
def test_ids_that_look_like_a_header_are_told_how_to_get_one(tmp_path, text, unrated, line):
    (tmp_path / "r.csv").write_text(text.replace(",5", ",five"))
    with pytest.raises(DataError, match=f"put a line like {line} on top if the first line is no"):
        read_ratings(tmp_path / "r.csv", unrated=unrated)
    with pytest.raises(DataError, match=r"did you mean|no column 'nobody'") as refused:
        read_ratings(tmp_path / "r.csv", unrated=unrated, user_column="nobody")
    assert "on top" not in str(refused.value)

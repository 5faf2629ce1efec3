import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from fastmf.data import read_ratings
from fastmf.data.readers import columnar, part
from fastmf.errors import DataError
from tests.data.tables import assert_same, make_frame


def write_parquet(path, table):
    pq.write_table(table, path, row_group_size=170)


def write_feather(path, table):
    pyarrow.feather.write_feather(table, str(path), chunksize=170)


def write_file(path, table):
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=170)


def write_stream(path, table):
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=170)


WRITERS = {
    "r.parquet": write_parquet,
    "r.feather": write_feather,
    "r.arrow": write_file,
    "r.arrows": write_stream,
}


@pytest.fixture(params=list(WRITERS))
def layout(request):
    return request.param


@pytest.fixture(params=["one batch", "many batches"])
def batches(request, monkeypatch):
    if request.param == "many batches":
        monkeypatch.setattr(part, "BATCH_ROWS", 61)
        monkeypatch.setattr(columnar, "BATCH_ROWS", 61)


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("text", [False, True])
def test_every_layout_reads_what_was_written(tmp_path, layout, text):
    frame = make_frame(text=text)
    shuffled = frame[["timestamp", "rating", "movieId", "userId"]].assign(extra="x")
    WRITERS[layout](tmp_path / layout, pa.Table.from_pandas(shuffled, preserve_index=False))
    assert_same(read_ratings(tmp_path / layout), frame)


@pytest.mark.parametrize(
    "types",
    [
        (pa.int32(), pa.int16(), pa.int8(), pa.date32()),
        (pa.uint64(), pa.int64(), pa.float32(), pa.timestamp("us")),
        (pa.string(), pa.large_string(), pa.decimal128(5, 2), pa.timestamp("ms", "UTC")),
        (pa.dictionary(pa.int32(), pa.string()), pa.binary(), pa.uint8(), pa.int64()),
        (pa.float64(), pa.dictionary(pa.int8(), pa.int64()), pa.float16(), pa.date64()),
    ],
    ids=str,
)
def test_columns_of_any_sensible_type_are_read(tmp_path, layout, types):
    n_rows, day = 300, 86_400
    cells = np.random.default_rng(0).choice(40 * 40, n_rows, replace=False)
    raw = [cells // 40, cells % 40, np.arange(n_rows) % 5 + 1, 12_000 + np.arange(n_rows)]
    text = [pa.types.is_string, pa.types.is_large_string, pa.types.is_binary]
    columns, expected = [], []
    for values, kind in zip(raw, types, strict=True):
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        if any(is_text(plain) for is_text in text):
            expected.append([str(v) for v in values])
            columns.append(pa.array([str(v) for v in values]).cast(plain))
        elif pa.types.is_date(plain) or pa.types.is_timestamp(plain):
            expected.append(values * day)
            dates = [datetime.datetime(1970, 1, 1) + datetime.timedelta(int(v)) for v in values]
            columns.append(pa.array(dates).cast(plain))
        elif pa.types.is_decimal(plain):
            expected.append(values)
            columns.append(pa.array([decimal.Decimal(int(v)) for v in values]).cast(plain))
        else:
            expected.append(values)
            columns.append(pa.array(values).cast(plain, safe=False))
        if pa.types.is_dictionary(kind):
            columns[-1] = columns[-1].dictionary_encode()
    WRITERS[layout](tmp_path / layout, pa.table(columns, ["user", "item", "rating", "time"]))
    frame = pd.DataFrame(dict(zip("uirt", expected, strict=True)))
    assert_same(read_ratings(tmp_path / layout), frame)


BAD = {
    "user id": ([1, 2, None], [1, 2, 3], [1.0, 2.0, 3.0], "row 3: the user id is missing"),
    "item id": ([1, 2, 3], [1, None, 3], [1.0, 2.0, 3.0], "row 2: the item id is missing"),
    "rating": ([1, 2, 3], [1, 2, 3], [1.0, None, 3.0], "row 2: the rating is missing"),
    "nan": ([1, 2, 3], [1, 2, 3], [1.0, 2.0, np.nan], "row 3: the rating is nan"),
    "inf": ([1, 2, 3], [1, 2, 3], [-np.inf, 2.0, 3.0], "row 1: the rating is -inf"),
    "text": (
        [1, 2, 3],
        [1, 2, 3],
        ["1", "2", "x"],
        "the rating column holds .*string, not numbers",
    ),
    "bool": ([True, False], [1, 2], [1.0, 2.0], "the user column holds bool"),
    "fraction": ([1.0, 2.5], [1, 2], [1.0, 2.0], "the user column holds double"),
    "empty": ([], [], [], "no ratings in it"),
}


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_named_by_file_and_row(tmp_path, layout, case):
    users, items, ratings, message = BAD[case]
    good = 200 if case not in ("text", "bool", "fraction", "empty") else 0
    numbers = list(range(10, 10 + good))
    table = pa.table(
        {
            "user": pa.array(numbers + users),
            "item": pa.array(numbers + items, pa.int64()),
            "rating": pa.array([1.0] * good + ratings, from_pandas=False),
        }
    )
    WRITERS[layout](tmp_path / layout, table)
    if message.startswith("row"):
        number, rest = message.removeprefix("row ").split(":", 1)
        message = f"{layout}, row {int(number) + good}:{rest}"
    with pytest.raises(DataError, match=message) as caught:
        read_ratings(tmp_path / layout)
    assert str(tmp_path / layout) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("batches")
def test_a_missing_time_is_left_out_or_named_by_its_row(tmp_path, layout):
    frame = make_frame().astype({"timestamp": "Int64"})
    frame.loc[321, "timestamp"] = pd.NA
    WRITERS[layout](tmp_path / layout, pa.Table.from_pandas(frame, preserve_index=False))
    ratings = read_ratings(tmp_path / layout)
    assert ratings.time is None
    assert ratings.notes == ("times left out: a time is missing",)
    with pytest.raises(DataError, match=f"{layout}, row 322: a time is missing"):
        read_ratings(tmp_path / layout, time_column="timestamp")


def test_missing_columns_are_listed(tmp_path, layout):
    WRITERS[layout](tmp_path / layout, pa.table({"a": [1], "b": [2]}))
    with pytest.raises(DataError, match=f"{layout}: no user column; columns found: a, b;"):
        read_ratings(tmp_path / layout)


@pytest.mark.parametrize("keep", [0.99, 0.5, 0.01])
def test_a_truncated_parquet_file_says_so(tmp_path, keep):
    path = tmp_path / "r.parquet"
    write_parquet(path, pa.Table.from_pandas(make_frame()))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(DataError, match=r"r\.parquet: this Parquet file is truncated"):
        read_ratings(path)


def test_feather_version_1_is_refused_with_advice(tmp_path):
    (tmp_path / "r.feather").write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(DataError, match=r"Feather version 1.*write it again"):
        read_ratings(tmp_path / "r.feather")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_read_or_refused(tmp_path, layout, seed):
    generator = np.random.default_rng(seed)
    path = tmp_path / layout
    WRITERS[layout](path, pa.Table.from_pandas(make_frame(300, text=seed % 2 == 1)))
    data = bytearray(path.read_bytes())
    if seed % 5 == 0:
        data = data[: int(generator.integers(len(data)))]
    else:
        for _ in range(generator.integers(1, 6)):
            # The head and the tail hold what says how to read the rest.
            place = int(generator.choice([generator.integers(len(data)), generator.integers(200)]))
            place = len(data) - 1 - place if generator.random() < 0.5 else place
            data[place] ^= 1 << int(generator.integers(8))
    path.write_bytes(data)
    try:
        ratings = read_ratings(path, trainable=False)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(ratings.value).all()
        assert ratings.user_index.max() < ratings.n_users
        assert ratings.item_index.max() < ratings.n_items


def test_a_stream_without_its_end_is_refused(tmp_path):
    path = tmp_path / "r.arrows"
    write_stream(path, pa.Table.from_pandas(make_frame()))
    data = path.read_bytes()
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_stream(file)
        ends = [reader.read_next_batch() and file.tell() for _ in range(3)]
    assert ends[-1] == len(data) - 8
    for end in (*ends, len(data) - 4):
        path.write_bytes(data[:end])
        with pytest.raises(DataError, match="cut short"):
            read_ratings(path)


def test_a_page_that_its_checksum_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "r.parquet"
    table = pa.table({"user": range(5000), "item": range(5000), "rating": np.ones(5000)})
    options = {"use_dictionary": False, "compression": "none"}
    pq.write_table(table, path, write_page_checksum=True, **options)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"r\.parquet: .*damaged .*; copy or download it again"):
        read_ratings(path)


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    ids = pa.array([b"a", b"\xff\xfe", b"c"]).view(pa.string())
    table = pa.table({"user": ids, "item": [1, 2, 3], "rating": [1, 2, 3]})
    pq.write_table(table, tmp_path / "r.parquet")
    for source in (tmp_path / "r.parquet", table):
        with pytest.raises(DataError, match=r"damaged or cut short .*UTF8"):
            read_ratings(source)

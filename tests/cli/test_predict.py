"""`fastmf predict`: the same rows in the same order, with what is unknown marked."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastmf import load_model

PAIRS = "user,item\n1003,7\n1000,1\n9999,7\n1003,888\n"
KNOWN = [True, True, False, False]


@pytest.fixture
def predict(run, model, workplace):
    """Write a file of pairs, predict them, read the predictions."""

    def predicted(content, *options, name="pairs.csv", out="out.parquet"):
        (workplace / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        result = run("predict", model, name, "--out", out, *options)
        read = pd.read_parquet if out.endswith("parquet") else pd.read_csv
        separator = {"sep": "\t"} if out.endswith("tsv") else {}
        return read(workplace / out, **separator), result

    return predicted


def expected(model, users, items):
    return load_model(model).predict(users, items)


@pytest.mark.parametrize("out", ["out.parquet", "out.csv", "out.tsv"])
def test_rows_keep_their_order_and_the_unknown_is_marked(predict, model, out):
    table, result = predict(PAIRS, out=out)
    assert list(table.columns) == ["user", "item", "prediction", "known"]
    assert table["user"].tolist() == [1003, 1000, 9999, 1003]
    assert table["item"].tolist() == [7, 1, 7, 888]
    assert table["known"].tolist() == KNOWN
    wanted = expected(model, table["user"], table["item"])
    np.testing.assert_allclose(table["prediction"], wanted, rtol=1e-6)
    assert "2 of 4 pairs" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PAIRS.replace(",", "\t"), "pairs.tsv"),
        (PAIRS.replace(",", ";"), "pairs.txt"),
        (PAIRS.replace(",", "|"), "pairs.txt"),
        (PAIRS.replace(",", "::"), "pairs.dat"),
        (PAIRS.replace("user,item\n", "").replace(",", "::"), "pairs.dat"),
        (PAIRS.replace("user,item\n", ""), "pairs.csv"),
        (PAIRS.replace("user,item\n", "").replace(",", " "), "pairs.data"),
        (PAIRS.replace("\n", "\r\n"), "pairs.csv"),
        (PAIRS.replace("\n", "\r"), "pairs.csv"),
        ("\ufeff" + PAIRS, "pairs.csv"),
        (PAIRS.replace(",", " , "), "pairs.csv"),
        (PAIRS.rstrip("\n"), "pairs.csv"),
        ('"user","item"\n"1003","7"\n1000,1\n9999,7\n1003,888\n', "pairs.csv"),
        ("rating,movieId,note,userId\n5,7,a,1003\n4,1,b,1000\n1,7,,9999\n2,888,,1003\n", "x.csv"),
        (gzip.compress(PAIRS.encode()), "pairs.csv.gz"),
    ],
)
def test_layouts_of_text(predict, content, name):
    table, _ = predict(content, name=name)
    assert table["user"].tolist() == [1003, 1000, 9999, 1003]
    assert table["item"].tolist() == [7, 1, 7, 888]
    assert table["known"].tolist() == KNOWN


def arrow_file(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return sink.getvalue().to_pybytes()


def parquet_file(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("encode", [arrow_file, parquet_file])
@pytest.mark.parametrize("kind", [pa.int32(), pa.string(), pa.dictionary(pa.int8(), pa.string())])
def test_columnar_files_keep_their_types(predict, encode, kind):
    users = pa.array(["1003", "1000", "9999", "1003"])
    users = users.cast(pa.int32()) if kind == pa.int32() else users.cast(kind)
    table = pa.table({"item": pa.array([7, 1, 7, 888]), "user": users})
    found, _ = predict(encode(table), name="pairs.bin")
    assert found["user"].astype(int).tolist() == [1003, 1000, 9999, 1003]
    assert found["known"].tolist() == KNOWN


def test_many_chunks(predict, model):
    users = np.tile(np.arange(1000, 1120), 5000)
    items = np.repeat(np.arange(1, 61), 10000)
    table, _ = predict(parquet_file(pa.table({"user": users, "item": items})), name="p.parquet")
    np.testing.assert_array_equal(table["user"], users)
    np.testing.assert_array_equal(table["item"], items)
    np.testing.assert_array_equal(table["prediction"], expected(model, users, items))


def test_integers_stay_integers_and_text_is_not_taken_for_them(predict):
    table, _ = predict(PAIRS)
    assert table["user"].dtype == table["item"].dtype == np.int64
    # One id that is text makes all of its file text; 007 is not the item 7.
    late = "user,item\n" + "1003,7\n" * 500_000 + "1003,007\n"
    table, _ = predict(late)
    assert len(table) == 500_001
    assert table["item"].iloc[-1] == "007"
    assert table["known"].tolist() == [True] * 500_000 + [False]


def test_named_columns(predict):
    content = "a,b\n1003,7\n"
    table, _ = predict(content, "--user-column", "a", "--item-column", "b")
    assert table["known"].tolist() == [True]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "the file is empty"),
        ("user,item\n", "no pairs in it"),
        ("user,thing\n1,2\n", "no item column; columns found: user, thing; name it"),
        ("user,item\n1,2\n1,2,3\n", "line 3: 3 fields, where the lines before have 2"),
        ("only\n", "does not part into a user and an item"),
        (b"user,item\n\0\0\0,2\n", "not a file of pairs"),
        (b"PAR1 and then nothing", "cannot be read"),
        (b"ARROW1 and then nothing", "cannot be read"),
    ],
)
def test_bad_pairs_leave_no_file(run, model, workplace, content, complaint):
    (workplace / "pairs").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(workplace.iterdir())
    result = run("predict", model, "pairs", "--out", "out.csv", "--quiet", status=1)
    assert result.stderr.startswith("fastmf: error: pairs")
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(workplace.iterdir()) == before


@pytest.mark.parametrize(
    ("out", "complaint"),
    [
        ("out.xlsx", "use one of .parquet, .csv, .tsv"),
        ("nowhere/out.csv", "make it first"),
        ("planted.model/../folder.csv", "is a folder"),
    ],
)
def test_bad_outputs(run, model, workplace, out, complaint):
    (workplace / "folder.csv").mkdir()
    (workplace / "pairs.csv").write_text(PAIRS)
    assert complaint in run("predict", model, "pairs.csv", "--out", out, status=1).stderr


def test_missing_files(run, model, workplace):
    result = run("predict", model, "nowhere.csv", "--out", "out.csv", status=1)
    assert "nowhere.csv: no such file" in result.stderr
    (workplace / "nowhere.csw").write_text(PAIRS)
    result = run("predict", model, "nowhere.csv", "--out", "out.csv", status=1)
    assert "did you mean nowhere.csw?" in result.stderr
    (workplace / "pairs.csv").write_text(PAIRS)
    result = run("predict", "nowhere.model", "pairs.csv", "--out", "out.csv", status=1)
    assert "nowhere.model is not a saved model" in result.stderr
    assert "--out" in run("predict", model, "pairs.csv", status=2).stderr

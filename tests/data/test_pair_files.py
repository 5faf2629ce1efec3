"""Pairs that cannot be read say what and where."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastmf.data.pair_files import as_integers, read_pairs
from fastmf.errors import DataError

ROWS = "1,2\n" * 90_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"user,item\n{ROWS}1\n", "line 90002: 1 fields, where the lines before have 2"),
        (
            f"user,item\n{ROWS}1,Jos\udce9\n",
            r"line 90002: the item id is not UTF-8; save the",
        ),
        (f"user,item\n{ROWS},2\n", r"line 90002: the user id is missing \(''\)"),
        (f"user,item\n{ROWS}1,NULL\n", r"line 90002: the item id is missing \('NULL'\)"),
        (f"{ROWS}1, \n", "line 90001: the item id is missing"),
        (f"user,item\n{ROWS}1,2\0\n", "line 90002: the item id holds a NUL byte"),
        (f'user,item\n{ROWS}1,"2\n{ROWS}', "line 90002: a quote is opened here and not closed"),
        (f'user,item\n{ROWS}1,"2\n3,4\n', "line 90002: a quote is opened here and not closed"),
    ],
)
@pytest.mark.parametrize("separator", [",", "::"])
def test_a_bad_line_of_pairs_is_named(tmp_path, content, message, separator):
    if separator == "::":
        content = content.replace(",", separator).replace('"', "\0")
        message = "NUL byte" if "quote" in message else message
    path = tmp_path / "pairs"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=message):
        list(read_pairs(path, None, None))


@pytest.mark.parametrize("column", [[1, None, 3], ["1", None, "3"]])
def test_a_missing_id_of_a_table_is_named_by_its_row(tmp_path, column):
    pq.write_table(pa.table({"user": [1, 2, 3], "item": column}), tmp_path / "pairs")
    with pytest.raises(DataError, match="pairs, row 2: the item id is missing; fill it in"):
        list(read_pairs(tmp_path / "pairs", None, None))


def test_damage_comes_with_a_remedy(tmp_path):
    whole = gzip.compress(("user,item\n" + "".join(f"{n},{n}\n" for n in range(9999))).encode())
    for content in (b"PAR1 and then nothing", b"ARROW1 and then nothing", whole[:9000]):
        (tmp_path / "pairs").write_bytes(content)
        with pytest.raises(DataError, match=r"damaged or cut short .*; copy or download it again"):
            list(read_pairs(tmp_path / "pairs", None, None))


def test_compressed_pairs_are_read_whatever_their_name(tmp_path):
    (tmp_path / "pairs.csv").write_bytes(gzip.compress(b"user,item\n1,2\n"))
    (pairs,) = read_pairs(tmp_path / "pairs.csv", None, None)
    assert pairs.users.to_pylist() == ["1"]


def test_whole_numbers_with_a_point_are_integers():
    assert as_integers(pa.array(["7.0", "8", "-9."])).to_pylist() == [7, 8, -9]
    assert as_integers(pa.array(["7.5"])) is None
    assert as_integers(pa.array(["07.0"])) is None


def test_a_damaged_page_of_pairs_is_refused(tmp_path):
    table = pa.table({"user": range(5000), "item": range(5000)})
    options = {"use_dictionary": False, "compression": "none", "write_page_checksum": True}
    pq.write_table(table, tmp_path / "pairs", **options)
    data = bytearray((tmp_path / "pairs").read_bytes())
    data[len(data) // 4] ^= 1
    (tmp_path / "pairs").write_bytes(data)
    with pytest.raises(DataError, match="copy or download it again"):
        list(read_pairs(tmp_path / "pairs", None, None))


def test_text_of_pairs_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "pairs.arrow"
    table = pa.table({"user": ["a", "b"], "item": ["QQQ", "c"]})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(path.read_bytes().replace(b"QQQ", b"Q\xc3Q"))
    with pytest.raises(DataError, match="the file is damaged or cut short"):
        list(read_pairs(path, None, None))

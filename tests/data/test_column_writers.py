import numpy as np
import pytest

from fastmf.data.column_writers import ItemWriter, TimeWriter, UserWriter, ValueWriter
from fastmf.data.stored_columns import KINDS, PIECE_ROWS

DAY = 86_400


def written(writer):
    writer.close()
    count = writer.n_rows * writer.kind.itemsize
    data = writer.path.read_bytes()[writer.offset : writer.offset + count]
    return np.frombuffer(data, writer.kind)


def fed(writer_type, folder, pieces, begin_after):
    """Append pieces, having the file begin after some of them."""
    writer = writer_type(folder / "column")
    for number, piece in enumerate(pieces):
        if number == begin_after:
            writer.begin()
        writer.append(piece)
    if begin_after >= len(pieces):
        writer.begin()
    return writer


ORDERS = pytest.mark.parametrize("begin_after", [0, 1, 2])


@ORDERS
@pytest.mark.parametrize(("last", "kind"), [(65_535, np.uint16), (65_536, np.int32)])
def test_the_65537th_item_takes_32_bits(tmp_path, begin_after, last, kind):
    pieces = np.arange(50_000, dtype=np.int32), np.array([3, last, 0], np.int32)
    writer = fed(ItemWriter, tmp_path, pieces, begin_after)
    assert writer.kind == kind
    assert written(writer).tolist() == [*range(50_000), 3, last, 0]
    assert [path.name for path in tmp_path.iterdir()] == [f"column-{np.dtype(kind)}"]
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@ORDERS
@pytest.mark.parametrize(("n_levels", "kind"), [(256, np.uint8), (257, np.float32)])
def test_the_257th_rating_takes_32_bits(tmp_path, begin_after, n_levels, kind):
    levels = (np.arange(n_levels) / 3).astype(np.float32)
    values = np.random.default_rng(0).permutation(np.repeat(levels, 9))
    writer = fed(ValueWriter, tmp_path, np.split(values, 3), begin_after)
    assert writer.kind == kind
    assert writer.n_levels == (n_levels if kind == np.uint8 else 0)
    rows = written(writer)
    decoded = writer.levels[rows] if kind == np.uint8 else rows
    assert decoded.tobytes() == values.tobytes()


def test_levels_are_in_order_of_appearance_and_integers_will_do(tmp_path):
    writer = fed(ValueWriter, tmp_path, [np.array([4, 1], np.int8), np.array([5, 4])], 0)
    assert writer.levels[:4].tolist() == [4, 1, 5, 0]
    assert written(writer).tolist() == [0, 1, 2, 0]


BYTES = np.arange(-128, 128, dtype=np.int8)
MIXED = {
    "of one type": ([BYTES, BYTES[::-1]], np.uint8),
    "the same as numbers": ([BYTES[:200], BYTES.astype(np.float32), BYTES], np.uint8),
    "of other meanings": ([BYTES[:100], BYTES[:100].view(np.uint8)], np.uint8),
    "too many": ([BYTES, np.array([7, 128, 200], np.uint8), BYTES], np.float32),
}


@ORDERS
@pytest.mark.parametrize("case", list(MIXED))
def test_ratings_of_eight_bits_are_coded_like_any_others(tmp_path, begin_after, case):
    pieces, kind = MIXED[case]
    pieces = [np.random.default_rng(1).permutation(piece) for piece in pieces]
    writer = fed(ValueWriter, tmp_path, pieces, begin_after)
    assert writer.kind == kind
    values = np.concatenate([piece.astype(np.float32) for piece in pieces])
    rows = written(writer)
    decoded = writer.levels[rows] if kind == np.uint8 else rows
    assert decoded.tobytes() == values.tobytes()
    if kind == np.uint8:
        _, first = np.unique(values, return_index=True)
        assert writer.levels[: writer.n_levels].tolist() == values[np.sort(first)].tolist()


@ORDERS
@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        (49_710 * DAY, np.uint16),
        (49_710 * DAY + 1, np.uint32),
        (2**32 - 1, np.uint32),
        (49_711 * DAY, np.int64),
        (2**32, np.int64),
        (-1, np.int64),
        (-DAY, np.int64),
        (DAY // 2, np.uint32),
        (2**62, np.int64),
    ],
)
def test_one_odd_time_widens_all(tmp_path, begin_after, odd, kind):
    pieces = DAY * np.arange(9000), np.array([0, odd, 5 * DAY])
    writer = fed(TimeWriter, tmp_path, pieces, begin_after)
    assert writer.kind == kind
    rows = written(writer).astype(np.int64) * (DAY if kind == np.uint16 else 1)
    assert rows.tolist() == np.concatenate(pieces).tolist()


@ORDERS
@pytest.mark.parametrize(
    ("odd", "kind"), [(5 * DAY, np.uint16), (5 * DAY + 1, np.uint32), (-1, np.int64)]
)
def test_days_may_come_as_days(tmp_path, begin_after, odd, kind):
    days = np.arange(9000, dtype=np.uint16)
    pieces = days, np.array([odd]), np.array([49_710], np.uint16)
    writer = fed(TimeWriter, tmp_path, pieces, begin_after)
    assert writer.kind == kind
    rows = written(writer).astype(np.int64) * (DAY if kind == np.uint16 else 1)
    assert rows.tolist() == [*range(0, 9000 * DAY, DAY), odd, 49_710 * DAY]


@ORDERS
def test_times_become_wider_twice(tmp_path, begin_after):
    pieces = np.array([DAY]), np.array([7]), np.array([2**40])
    writer = fed(TimeWriter, tmp_path, pieces, begin_after)
    assert written(writer).tolist() == [DAY, 7, 2**40]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("n_rows", [1, PIECE_ROWS, PIECE_ROWS + 1, 3 * PIECE_ROWS + 5])
def test_a_column_in_a_given_place_leaves_it_when_it_widens(tmp_path, n_rows):
    shared = tmp_path / "shared"
    shared.write_bytes(b"before" + bytes(4 * n_rows) + b"behind")
    writer = ItemWriter(tmp_path / "column")
    writer.begin(shared, 6)
    narrow = np.arange(n_rows, dtype=np.int32) % 65_536
    writer.append(narrow)
    assert writer.path == shared
    assert written(writer).tolist() == narrow.tolist()
    writer = ItemWriter(tmp_path / "column")
    writer.begin(shared, 6)
    writer.append(narrow)
    writer.append(np.array([65_536], np.int32))
    assert writer.path == tmp_path / "column-int32"
    assert written(writer).tolist() == [*narrow.tolist(), 65_536]
    assert shared.read_bytes()[:6] == b"before"
    assert shared.read_bytes().endswith(b"behind")
    writer.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_users_are_always_32_bits(tmp_path):
    writer = fed(UserWriter, tmp_path, [np.array([1, 2**31 - 1], np.int32)], 0)
    assert written(writer).tolist() == [1, 2**31 - 1]
    assert len(KINDS[writer.name]) == 1

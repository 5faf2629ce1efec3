import numpy as np
import pytest

from fastmf.data.arrays import Columns, frozen
from fastmf.data.bitmaps import count_bits
from fastmf.data.stored_columns import PIECE_ROWS, StoredColumns

N_ROWS = 2 * PIECE_ROWS + 777


def make(*, narrow):
    generator = np.random.default_rng(0)
    levels = generator.normal(size=256).astype(np.float32)
    users = generator.integers(0, 99, N_ROWS).astype(np.int32)
    items = generator.integers(0, 65_536, N_ROWS).astype(np.int32)
    codes = generator.integers(0, 256, N_ROWS).astype(np.uint8)
    days = generator.integers(0, 49_711, N_ROWS).astype(np.uint16)
    wide = Columns(users, items, levels[codes], 86_400 * days.astype(np.int64))
    if not narrow:
        return wide, StoredColumns.of(wide)
    columns = users, items.astype(np.uint16), codes, levels
    return wide, StoredColumns(*map(frozen, columns), 256, frozen(days))


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("rows", [(0, N_ROWS), (5, 5), (9, PIECE_ROWS + 3), (N_ROWS - 1, N_ROWS)])
def test_rows_become_wide(narrow, rows):
    wide, stored = make(narrow=narrow)
    found = stored.user_index[slice(*rows)], stored.items(*rows), stored.values(*rows)
    for column, wanted in zip((*found, stored.seconds(*rows)), wide, strict=True):
        assert column.dtype == wanted.dtype
        assert not column.flags.writeable
        np.testing.assert_array_equal(column, wanted[slice(*rows)])
        assert narrow or np.shares_memory(column, wanted) or rows[0] == rows[1]


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.9, 1.0])
@pytest.mark.parametrize(
    "rows", [(0, N_ROWS), (3, 3), (13, 14), (13, PIECE_ROWS + 13), (PIECE_ROWS, N_ROWS - 1)]
)
def test_selected_rows_are_gathered(narrow, share, rows):
    wide, stored = make(narrow=narrow)
    chosen = np.random.default_rng(1).random(N_ROWS) < share
    bitmap = frozen(np.packbits(chosen, bitorder="little"))
    inside = slice(*rows)
    count = count_bits(bitmap, *rows)
    found = stored.gather(bitmap, *rows, count)
    found.append(stored.gather_seconds(bitmap, *rows, count))
    for column, wanted in zip(found, wide, strict=True):
        np.testing.assert_array_equal(column, wanted[inside][chosen[inside]])
        assert not column.flags.writeable


def test_without_times_there_are_no_seconds():
    wide, _ = make(narrow=False)
    assert StoredColumns.of(wide._replace(time=None)).seconds(0, 9) is None

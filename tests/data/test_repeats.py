import numpy as np
import pytest

from fastmf.data import repeats
from fastmf.data.arrays import Columns
from fastmf.data.repeats import count_repeats
from fastmf.data.stored_columns import StoredColumns


def store(users, items):
    users, items = np.asarray(users, np.int32), np.asarray(items, np.int32)
    return StoredColumns.of(Columns(users, items, np.ones(len(users), np.float32), None))


def slow_count(users, items):
    return len(users) - len(set(zip(users.tolist(), items.tolist(), strict=True)))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("by_bits", [True, False])
@pytest.mark.parametrize(
    ("n_rows", "n_users", "n_items"),
    [(1, 1, 1), (1000, 1, 3), (5000, 70, 90), (200_000, 3000, 2000), (3000, 2**31 - 1, 2**31 - 1)],
)
def test_repeated_pairs_are_counted(
    monkeypatch, threads, narrow, by_bits, n_rows, n_users, n_items
):
    monkeypatch.setattr(repeats, "_ROWS_OF_TASK", 1 << 12)
    monkeypatch.setattr(repeats, "_KEY_BYTES", 1 << 18)
    monkeypatch.setattr(repeats, "_ROWS_OF_BUCKET", 1 << 10)
    if not by_bits:
        monkeypatch.setattr(repeats, "_MOST_BITS", 0)
    generator = np.random.default_rng(n_rows)
    users = generator.integers(0, n_users, n_rows, dtype=np.int32)
    items = generator.integers(0, n_items, n_rows, dtype=np.int32)
    columns = store(users, items)
    if narrow and n_items < 2**16:
        columns = columns._replace(item_index=items.astype(np.uint16))
    assert count_repeats(columns, n_users, n_items, threads) == slow_count(users, items)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize(
    "by", ["item", "user", "neither: the last row goes back to the first item"]
)
@pytest.mark.parametrize("repeated", [0, 5])
def test_pairs_that_stand_item_by_item_or_user_by_user(monkeypatch, threads, narrow, by, repeated):
    monkeypatch.setattr(repeats, "_ROWS_OF_TASK", 1 << 10)
    monkeypatch.setattr(repeats, "PIECE_ROWS", 1 << 8)
    generator = np.random.default_rng(repeated)
    cells = np.sort(generator.choice(300 * 200, 9000, replace=False))
    cells = np.sort(np.concatenate([cells, cells[:: len(cells) // 5][:repeated]]))
    if by.startswith("neither"):
        cells = np.append(cells, cells[0])
    grouped, others = np.divmod(cells.astype(np.int32), np.int32(200))
    users, items = (grouped, others) if by == "user" else (others, grouped)
    columns = store(users, items)
    if narrow:
        columns = columns._replace(item_index=items.astype(np.uint16))
    by_keys = []
    counted = repeats._count_by_keys
    monkeypatch.setattr(
        repeats, "_count_by_keys", lambda *given: by_keys.append(1) or counted(*given)
    )
    n_users, n_items = int(users.max()) + 1, int(items.max()) + 1
    assert count_repeats(columns, n_users, n_items, threads) == slow_count(users, items)
    assert len(by_keys) == by.startswith("neither")

import numpy as np
import pytest

from fastmf.data import Ratings, filters
from fastmf.data.arrays import Columns
from fastmf.data.filters import resolve_duplicates
from tests.reference.tables import pairs as reference


def place(row):
    return f"row {row + 1}"


@pytest.fixture(params=["as it is", "small ranges"])
def ranges(request, monkeypatch):
    """Cut what is small enough to be one piece into many."""
    if request.param == "small ranges":
        for name in ("_ROWS_OF_SLOW_RANGE", "_GATHERED_ROWS"):
            monkeypatch.setattr(filters, name, 64)


def table(n_rows, n_users, n_items, seed=0, *, unique=False):
    generator = np.random.default_rng(seed)
    cells = (
        generator.choice(n_users * n_items, n_rows, replace=False)
        if unique
        else generator.integers(0, n_users * n_items, n_rows)
    )
    return Columns(
        (cells // n_items).astype(np.int32),
        (cells % n_items).astype(np.int32),
        generator.random(n_rows).astype(np.float32),
        np.arange(n_rows),
    )


@pytest.mark.usefixtures("ranges")
@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("how", ["last", "mean", "sum"])
@pytest.mark.parametrize(("n_users", "n_items"), [(40, 30), (1, 900), (900, 1), (3000, 5000)])
def test_any_shape_is_resolved_as_by_a_dictionary(n_users, n_items, how, num_threads):
    columns = table(700, n_users, n_items)
    kept, values = reference.resolve(*columns[:3], how)
    rows = reference.rows_of_pairs(*columns[:2]).values()
    copies = Columns(*(column.copy() for column in columns))
    resolved, note = resolve_duplicates(copies, n_users, n_items, how, place, num_threads)
    np.testing.assert_array_equal(resolved.time, kept)
    np.testing.assert_array_equal(resolved.user_index, columns.user_index[kept])
    np.testing.assert_array_equal(resolved.item_index, columns.item_index[kept])
    np.testing.assert_allclose(resolved.value, values, rtol=1e-6)
    repeating = sum(len(group) > 1 for group in rows)
    assert (note is None) == (repeating == 0)
    assert note is None or note.startswith(f"{repeating} duplicate (user, item) pair")


@pytest.mark.usefixtures("ranges")
def test_without_duplicates_nothing_is_touched():
    columns = table(700, 40, 30, unique=True)
    for column in columns:
        column.flags.writeable = False
    resolved, note = resolve_duplicates(columns, 40, 30, "last", place)
    assert note is None
    assert resolved is columns


def test_one_duplicate_among_many_rows_is_found():
    n_rows = 300_000
    columns = table(n_rows, 5000, 4000, unique=True)
    columns.user_index[123_456] = columns.user_index[7]
    columns.item_index[123_456] = columns.item_index[7]
    resolved, note = resolve_duplicates(columns, 5000, 4000, "last", place)
    assert len(resolved.value) == n_rows - 1
    assert resolved.time[7] == 8
    assert note.startswith("1 duplicate (user, item) pair:")


def test_more_pairs_than_32_bits_can_number_are_told_apart():
    # Keys of one bucket that agree in the lower 32 bits, and one pair that does occur twice.
    n_users, n_items = 2**20, 2**16
    users = np.array([0, 2**16, 2**17, 2**16], np.int32)
    columns = Columns(users, np.full(4, 7, np.int32), np.ones(4, np.float32), None)
    resolved, note = resolve_duplicates(columns, n_users, n_items, "last", place)
    assert note.startswith("1 duplicate (user, item) pair:")
    assert resolved.user_index.tolist() == [0, 2**17, 2**16]


def test_ratings_keep_the_ids_of_dropped_rows():
    # The first rating of "a" goes, the user stays where they first appeared.
    ratings = Ratings.from_arrays(["a", "b", "a"], [1, 1, 1], [1, 2, 3])
    assert ratings.users.take([0, 1]).tolist() == ["a", "b"]
    assert ratings.user_index.tolist() == [1, 0]

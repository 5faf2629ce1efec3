"""Shuffled batches: every rating once, whatever the table, the selection and the threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Ratings, clean_ratings, random_split, read_ratings
from fastmf.data.shuffled_batches import ShuffledBatches
from fastmf.errors import ParameterError
from fastmf.parallel import Team

CHECKED = settings(deadline=None, max_examples=60)


def made(n, *, levels=True, seed=0):
    generator = np.random.default_rng(seed)
    n_items = max(1, n // 7)
    cells = generator.choice(n_items * 40, n, replace=False)
    values = generator.integers(1, 6, n) if levels else generator.standard_normal(n)
    return Ratings.from_arrays(cells // n_items, cells % n_items, values)


def triples(parts):
    return sorted(
        (int(user), int(item), float(value))
        for part in parts
        for user, item, value in zip(*part[:3], strict=True)
    )


@CHECKED
@given(st.integers(1, 300), st.integers(1, 320), st.integers(0, 3), st.data())
def test_every_selected_rating_comes_once_an_epoch(n, batch_size, epoch, data):
    ratings = made(n, levels=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        bits = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
        bits[data.draw(st.integers(0, n - 1))] = True
        ratings = ratings.select(np.packbits(bits, bitorder="little"))
    batches = ShuffledBatches(ratings, batch_size, 5, with_rows=True)
    with Team(1) as team:
        parts = list(batches.epoch(epoch, team))
    assert triples(parts) == triples(ratings.chunks())
    sizes = [len(part.value) for part in parts]
    assert len(sizes) == len(batches) == batches.n_batches
    assert all(size == batches.batch_size for size in sizes[:-1])
    assert 0 < sizes[-1] <= batch_size
    for part in parts:
        for k, row in enumerate(part.rows):
            chunk = ratings.chunk(int(row), int(row) + 1)
            assert [column[0] for column in chunk] == [column[k] for column in part[:3]]


def test_views_of_views_and_stores(tmp_path):
    table = made(5000)
    frame = {
        "user": table.users.take(table.user_index),
        "item": table.items.take(table.item_index),
        "rating": table.value,
    }
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(frame).to_parquet(tmp_path / "ratings.parquet")
    stored = read_ratings(tmp_path / "ratings.parquet")
    cleaned = clean_ratings(stored, min_rating=2, min_user_ratings=5)
    for ratings in (stored, cleaned, *random_split(stored, 0.03), *random_split(cleaned, 0.5)):
        with Team(2) as team:
            parts = list(ShuffledBatches(ratings, 333).epoch(1, team))
        assert triples(parts) == triples(ratings.chunks())


def test_order_is_of_the_seed_and_the_epoch_and_not_of_threads():
    ratings = made(20_000)

    def order(seed, epoch, threads, batch_size=1000):
        with Team(threads) as team:
            parts = ShuffledBatches(ratings, batch_size, seed, with_rows=True).epoch(epoch, team)
            return np.concatenate([part.rows for part in parts]).tolist()

    first = order(1, 0, 1)
    assert order(1, 0, 3) == first
    assert order(1, 0, 1, batch_size=77) == first
    assert order(1, 1, 1) != first
    assert order(2, 0, 1) != first
    # Of two random orders, about one row lies at the same place.
    assert sum(a == b for a, b in zip(first, order(1, 1, 1), strict=True)) < 10


def test_batches_may_be_kept():
    with Team(2) as team:
        epoch = ShuffledBatches(made(300_000 // 10), 100).epoch(0, team)
        first = next(epoch)
        copies = [column.copy() for column in first[:3]]
        for _ in epoch:
            pass
    for column, copy in zip(first[:3], copies, strict=True):
        np.testing.assert_array_equal(column, copy)
        assert not column.flags.writeable


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, "8", True])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises(ParameterError, match="batch_size"):
        ShuffledBatches(made(10), batch_size)

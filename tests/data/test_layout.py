"""The block grid: every rating once, in the right block, the same for any number of threads."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data import Ratings, random_split
from fastmf.data.block_grid import BlockGrid, grid_side
from fastmf.data.layout import build_grid
from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import DataError
from fastmf.parallel import Team
from tests.reference import grid as reference

CHECKED = settings(deadline=None, max_examples=60)


def grid_of(ratings, *, threads=1, side=None, work_arrays=None) -> BlockGrid:
    with Team(threads) as team:
        return build_grid(ratings, team, side, work_arrays)


def bytes_of(grid):
    """Return all that a grid holds, but not where it is held."""
    return {
        name: np.asarray(value).tobytes()
        for name, value in vars(grid).items()
        if name != "work_arrays"
    }


def blocks_of(grid):
    """Return the (user, item, rating) of every block, and check what holds for every slot."""
    coded = grid.values.size == 0
    batches = reference.unpack(grid.batches, grid.values)
    assert len(batches) == grid.block_starts[-1]
    n_items = len(grid.item_counts)
    blocks = []
    for block, (first, last) in enumerate(
        zip(grid.block_starts, grid.block_starts[1:], strict=False)
    ):
        entries = []
        for user, count, words, slots in batches[first:last]:
            assert 1 <= count <= 4
            for slot, word in enumerate(words):
                item = word & 0xFFFFFF if coded else word
                centred = grid.levels[word >> 24] if coded else slots[slot]
                if slot < count:
                    entries.append((user, item, grid.mean + grid.scale * float(centred)))
                else:
                    assert item == n_items + block % grid.side, "a spare row of the block's column"
                    assert centred == 0
        blocks.append(entries)
    return blocks


def assert_holds(grid, ratings):
    """Check a grid against the table that it was made of."""
    users, items = ratings.user_index, ratings.item_index
    values = ratings.value.astype(np.float64)
    np.testing.assert_array_equal(grid.user_counts, np.bincount(users, minlength=ratings.n_users))
    np.testing.assert_array_equal(grid.item_counts, np.bincount(items, minlength=ratings.n_items))
    assert grid.n_ratings == len(ratings)
    spread = values.std() if values.std() > 1e-4 * np.abs(values).max() else grid.scale
    assert grid.mean == pytest.approx(values.mean(), abs=1e-9 + 1e-6 * np.abs(values).max())
    assert grid.scale == pytest.approx(spread, rel=1e-5)

    blocks = blocks_of(grid)
    entries = [entry for block in blocks for entry in block]
    value_of = dict(zip(zip(users.tolist(), items.tolist(), strict=True), values, strict=True))
    assert len(value_of) == len(ratings), "the table itself has no pair twice"
    assert sorted(entry[:2] for entry in entries) == sorted(value_of)
    tolerance = 1e-6 * np.abs(values).max() + 1e-6 * grid.scale
    np.testing.assert_allclose(
        [rating for _, _, rating in entries],
        [value_of[user, item] for user, item, _ in entries],
        atol=tolerance * 4,
    )
    rows, columns = {}, {}
    for block, content in enumerate(blocks):
        for user, item, _ in content:
            row, column = divmod(block, grid.side)
            assert rows.setdefault(user, row) == row, "a user is in one block row"
            assert columns.setdefault(item, column) == column, "an item is in one block column"
    for ranges in (rows, columns):
        in_order = [ranges[index] for index in sorted(ranges)]
        assert in_order == sorted(in_order), "block rows and columns are ranges of indices"


@st.composite
def tables(draw):
    """Small tables without duplicate pairs; whole or a selection, ratings of many kinds."""
    n_users, n_items = draw(st.integers(1, 30)), draw(st.integers(1, 20))
    cells = draw(
        st.lists(st.integers(0, n_users * n_items - 1), min_size=1, max_size=120, unique=True)
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["stars", "constant", "floats", "signed", "wide"]))
    values = {
        "stars": rng.integers(1, 11, len(cells)) / 2,
        "constant": np.full(len(cells), 3.7),
        "floats": rng.uniform(1, 5, len(cells)),
        "signed": rng.normal(0, 10, len(cells)),
        "wide": 10 ** rng.uniform(-6, 6, len(cells)),
    }[kind]
    cells = np.array(cells)
    ratings = Ratings.from_arrays(cells // n_items, cells % n_items, values)
    if draw(st.booleans()) and len(cells) > 1:
        ratings = random_split(ratings, 0.5)[draw(st.integers(0, 1))]
    return ratings


@CHECKED
@given(tables(), st.sampled_from([None, 1, 2, 3, 7, 32]))
def test_every_rating_is_there_once(ratings, side):
    grid = grid_of(ratings, side=side)
    assert grid.side == (side or 4)
    assert_holds(grid, ratings)


def random_ratings(n, n_users, n_items, *, values=None, seed=0):
    rng = np.random.default_rng(seed)
    cells = rng.choice(n_users * n_items, n, replace=False)
    values = rng.integers(1, 6, n) if values is None else values
    return Ratings.from_arrays(cells // n_items, cells % n_items, values)


def heavy_tailed(n, seed=0):
    """Users and items drawn by power laws: a few have most of the ratings."""
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.zipf(1.4, (n, 2)) % 3000, axis=0)
    return Ratings.from_arrays(*rng.permutation(pairs).T, rng.integers(1, 6, len(pairs)))


@pytest.mark.parametrize("n_distinct", [254, 255, 256, 257, 5000])
def test_more_than_255_distinct_ratings_are_not_coded(n_distinct):
    values = np.resize(np.linspace(0.5, 5, n_distinct), 5000)
    ratings = random_ratings(5000, 200, 100, values=values)
    grid = grid_of(ratings)
    assert (grid.values.size == 0) == (n_distinct <= 255)
    assert_holds(grid, ratings)


def test_heavy_tails_hold_and_turns_are_taken():
    ratings = heavy_tailed(30_000)
    assert_holds(grid_of(ratings), ratings)


def test_one_user_fills_batches_of_four():
    ratings = Ratings.from_arrays(np.zeros(11, int), np.arange(11), np.arange(11) % 3)
    grid = grid_of(ratings, side=1)
    assert [count for _, count, _, _ in reference.unpack(grid.batches)] == [4, 4, 3]
    assert_holds(grid, ratings)


def test_batches_of_a_block_are_those_of_the_twin():
    ratings = heavy_tailed(4000, seed=3)
    grid = grid_of(ratings, side=3)
    by_pair = Counter()
    batches = reference.unpack(grid.batches)
    for block, content in enumerate(blocks_of(grid)):
        inside = {(user, item) for user, item, _ in content}
        rows = [
            (user, item)
            for user, item in zip(
                ratings.user_index.tolist(), ratings.item_index.tolist(), strict=True
            )
            if (user, item) in inside
        ]
        expected = reference.batches_of_block(*zip(*rows, strict=True)) if rows else []
        first, last = grid.block_starts[block : block + 2]
        written = [
            (user, [word & 0xFFFFFF for word in words[:count]])
            for user, count, words, _ in batches[first:last]
        ]
        assert written == expected
        by_pair.update(inside)
    assert set(by_pair.values()) == {1}


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize("part", ["whole", "selection"])
def test_the_same_bytes_for_any_number_of_threads(coded, part, monkeypatch):
    # Several ranges, as a large table has, whatever the length of this one.
    ranges = Ratings.ranges
    monkeypatch.setattr(Ratings, "ranges", lambda self, rows=700: ranges(self, min(rows, 700)))
    values = None if coded else np.random.default_rng(1).normal(3, 1, 9000)
    ratings = random_ratings(9000, 300, 150, values=values)
    if part == "selection":
        ratings, _ = random_split(ratings, 0.3)
    assert len(ratings.ranges()) > 5
    grids = [grid_of(ratings, threads=threads) for threads in (1, 2, 3, 5, 1)]
    assert all(bytes_of(grid) == bytes_of(grids[0]) for grid in grids)
    assert_holds(grids[0], ratings)


@pytest.mark.parametrize("coded", [True, False])
def test_the_same_bytes_in_files(coded, tmp_path):
    values = None if coded else np.random.default_rng(1).normal(3, 1, 9000)
    ratings = random_ratings(9000, 300, 150, values=values)
    grid = grid_of(ratings, threads=2, work_arrays=WorkArrays(tmp_path))
    expected = bytes_of(grid_of(ratings))
    for act in (grid.will_need, grid.release):
        for row in range(grid.side):
            for column in range(grid.side):
                act(row, column)
        assert bytes_of(grid) == expected
    assert_holds(grid, ratings)


def test_a_selection_gives_the_grid_of_the_same_table_made_whole():
    table = random_ratings(5000, 100, 80)
    part, _ = random_split(table, 0.4)
    grid = grid_of(part)
    columns = table.users.take(part.user_index), table.items.take(part.item_index), part.value
    alone = Ratings.from_arrays(*columns)
    as_ids = []
    for made, source in ((grid, table), (grid_of(alone), alone)):
        entries = [entry for block in blocks_of(made) for entry in block]
        users, items, values = zip(*entries, strict=True)
        ids = source.users.take(np.array(users)), source.items.take(np.array(items))
        as_ids.append(sorted(zip(*ids, np.round(values, 4), strict=True)))
    assert as_ids[0] == as_ids[1]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_full_batches_take_the_place_of_what_they_are_made_of(tmp_path, threads):
    users, items = np.divmod(np.random.default_rng(4).permutation(200 * 300), 300)
    ratings = Ratings.from_arrays(users, items, (users * 7 + items) % 5)
    grid = grid_of(ratings, threads=threads, side=8)
    assert grid.batches.base is not None
    assert grid.batches.base.size * grid.batches.base.itemsize == 8 * len(ratings)
    assert_holds(grid, ratings)
    elsewhere = grid_of(ratings, threads=threads, side=8, work_arrays=WorkArrays(tmp_path))
    assert bytes_of(grid) == bytes_of(elsewhere)


def test_block_rows_and_columns_hold_about_equal_numbers_of_ratings():
    ratings = random_ratings(40_000, 1000, 500)
    grid = grid_of(ratings)
    counts = np.array([len(block) for block in blocks_of(grid)]).reshape(grid.side, grid.side)
    for axis, per_index in ((1, grid.user_counts), (0, grid.item_counts)):
        even = len(ratings) / grid.side
        assert np.abs(counts.sum(axis=axis) - even).max() <= per_index.max()


def test_the_side_depends_on_the_number_of_ratings_alone():
    sides = [grid_side(n) for n in (1, 100_000, 1_000_209, 25_000_000, 100_480_507, 10**9)]
    assert sides == sorted(sides)
    assert sides[0] >= 4
    assert sides[-1] <= 32
    assert grid_of(random_ratings(500, 60, 50)).side == grid_side(500)


@pytest.mark.parametrize("value", [0.0, 3.7, 1e-6, 1e6, -2.5])
def test_constant_ratings_have_a_spread_of_one(value):
    ratings = random_ratings(1000, 50, 40, values=np.full(1000, value))
    grid = grid_of(ratings)
    assert grid.scale == 1
    np.testing.assert_allclose([grid.mean], [np.float32(value)], rtol=1e-7)
    assert np.abs(grid.levels).max() <= 1e-6 * abs(value)


def test_ratings_far_from_zero_keep_their_spread():
    values = 1e5 + np.arange(1000) % 5
    grid = grid_of(random_ratings(1000, 50, 40, values=values))
    assert grid.scale == pytest.approx(np.sqrt(2), rel=1e-6)


def test_the_spread_is_that_of_the_selected_ratings():
    values = np.r_[1e6, np.arange(999) % 5]
    table = random_ratings(1000, 50, 40, values=values)
    rows = np.full(125, 255, np.uint8)
    rows[0] = 254  # all but the first
    grid = grid_of(table.select(rows))
    assert grid.mean == pytest.approx(np.mean(values[1:]))
    assert grid.scale == pytest.approx(np.std(values[1:]))


def test_an_empty_selection_is_refused():
    ratings = random_ratings(20, 5, 6)
    nothing = ratings.select(np.zeros(3, np.uint8))
    with pytest.raises(DataError, match="no ratings to train on"):
        grid_of(nothing)


def test_arrays_of_the_grid_are_read_only():
    grid = grid_of(random_ratings(50, 10, 10))
    with pytest.raises(ValueError, match="read-only"):
        grid.batches[0] = 1

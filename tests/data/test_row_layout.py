"""Ratings sorted by user and by item, whole or a selection, coded or not."""

import numpy as np
import pytest

from fastmf import Ratings, random_split
from fastmf.data.row_layout import ValueScale, lay_out_rows, row_layout_bytes, sort_ratings
from fastmf.data.work_arrays import WorkArrays
from fastmf.errors import DataError
from fastmf.parallel import Team
from tests.reference.tables import row_sort as reference


@pytest.fixture
def short_ranges(monkeypatch):
    ranges = Ratings.ranges
    monkeypatch.setattr(Ratings, "ranges", lambda self, rows=97: ranges(self, min(rows, 97)))


def table(n=3000, n_users=700, n_items=40, *, distinct=5, seed=0):
    rng = np.random.default_rng(seed)
    cells = rng.choice(n_users * n_items, n, replace=False)
    values = rng.integers(1, distinct + 1, n) / 2
    return Ratings.from_arrays(cells // n_items, cells % n_items, values)


def lay_out(ratings, threads=2, **options):
    with Team(threads) as team:
        return lay_out_rows(ratings, team, **options)


def pairs_of(side):
    """Return what a side holds, as the twin does."""
    values = side.levels[side.codes] if side.codes.size else side.values
    found = {}
    for row in range(len(side.starts) - 1):
        part = slice(side.starts[row], side.starts[row + 1])
        if part.start < part.stop:
            found[row] = list(
                zip(side.other_index[part].tolist(), values[part].tolist(), strict=True)
            )
    return found


@pytest.mark.usefixtures("short_ranges")
@pytest.mark.parametrize("distinct", [1, 5, 255, 256, 1000])
@pytest.mark.parametrize("part", ["whole", "selection"])
def test_both_sides_hold_every_rating_in_the_order_of_the_table(distinct, part):
    ratings = table(distinct=distinct)
    if part == "selection":
        ratings, _ = random_split(ratings, 0.4)
    layout = lay_out(ratings, centred=False)
    columns = ratings.user_index, ratings.item_index
    assert pairs_of(layout.by_user) == reference.sort(*columns, ratings.value)
    assert pairs_of(layout.by_item) == reference.sort(*columns[::-1], ratings.value)
    coded = len(np.unique(ratings.value)) <= 255
    assert bool(layout.by_user.codes.size) == coded
    assert layout.scale == ValueScale(0.0, 1.0)
    assert layout.n_ratings == len(ratings)
    for side, n_rows in ((layout.by_user, ratings.n_users), (layout.by_item, ratings.n_items)):
        assert len(side.starts) == n_rows + 1
        assert not any(column.flags.writeable for column in side)


@pytest.mark.parametrize("distinct", [5, 1000])
def test_values_are_centred_and_scaled(distinct):
    ratings = table(distinct=distinct)
    layout = lay_out(ratings)
    values = ratings.value.astype(np.float64)
    assert layout.scale.mean == pytest.approx(values.mean())
    assert layout.scale.scale == pytest.approx(values.std())
    columns = ratings.user_index, ratings.item_index
    expected = reference.sort(*columns, (values - values.mean()) / values.std())
    for row, pairs in pairs_of(layout.by_user).items():
        np.testing.assert_allclose(pairs, expected[row], rtol=1e-5, atol=1e-6)


def test_equal_ratings_have_a_spread_of_one():
    layout = lay_out(table(distinct=1))
    assert layout.scale == ValueScale(0.5, 1.0)
    assert not layout.by_item.levels.any()


@pytest.mark.usefixtures("short_ranges")
@pytest.mark.parametrize("distinct", [5, 1000])
def test_the_same_bits_for_any_team_in_memory_or_in_files(distinct, tmp_path):
    ratings = table(distinct=distinct)
    layouts = [lay_out(ratings, threads) for threads in (1, 2, 5)]
    layouts.append(lay_out(ratings, work_arrays=WorkArrays(tmp_path)))
    contents = [
        [column.tobytes() for side in (layout.by_user, layout.by_item) for column in side]
        for layout in layouts
    ]
    assert all(content == contents[0] for content in contents)
    assert not list(tmp_path.iterdir())


def test_one_side_by_itself_is_that_of_the_whole_layout():
    ratings = table()
    layout = lay_out(ratings)
    with Team(2) as team:
        side = sort_ratings(ratings, "item", team, layout.scale)
    assert [column.tobytes() for column in side] == [column.tobytes() for column in layout.by_item]


def test_no_ratings_are_refused():
    ratings = table()
    nothing = ratings.select(np.zeros((len(ratings) + 7) // 8, np.uint8))
    with pytest.raises(DataError, match="no ratings"):
        lay_out(nothing)


def test_more_rows_than_buckets_and_rows_without_ratings():
    users = np.array([5, 70_000, 5, 123_456, 70_000])
    everyone = np.arange(130_000)
    ids = np.concatenate([everyone, users])
    items = np.concatenate([np.zeros(130_000, int), [1, 1, 2, 3, 4]])
    ratings = Ratings.from_arrays(ids, items, np.arange(len(ids)) % 3)
    chosen = np.arange(len(ids)) >= 130_000
    ratings = ratings.select(np.packbits(chosen, bitorder="little"))
    layout = lay_out(ratings, centred=False)
    columns = ratings.user_index, ratings.item_index
    assert pairs_of(layout.by_user) == reference.sort(*columns, ratings.value)
    assert np.diff(layout.by_user.starts).sum() == 5


def test_the_memory_it_takes_is_told():
    assert row_layout_bytes(1000) >= 1000 * (2 * (4 + 1) + 8)

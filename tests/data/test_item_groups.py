"""Items and ratings by year and genre."""

import numpy as np

from fastmf.data.item_groups import ItemGroup, by_genre, by_year, known_items
from fastmf.data.items import Items
from fastmf.data.vocabulary import Vocabulary


def table(ids, years, genres):
    n = len(ids)
    return Items(ids, [None] * n, years, genres, [None] * n, [None] * n)


ITEMS = table(
    ["7", "8", "9", "10", "7.0"],
    [1990, 1992, None, 1992, 1993],
    [("Drama",), ("Comedy", "Drama"), (), ("War",), ("War", "War")],
)
KNOWN = known_items(ITEMS, Vocabulary.from_ids([10, 7, 8, 9, 11]), np.array([0, 5, 2, 1, 4]))


def test_items_are_matched_with_those_of_the_ratings():
    assert KNOWN.n_ratings == (5, 2, 1)
    assert KNOWN.years == (1993, 1992, None)  # the last row of an item counts
    assert KNOWN.n_unknown == 1  # 11; and 10 has no ratings


def test_by_year_without_gaps():
    known = known_items(ITEMS, Vocabulary.from_ids([10, 8, 9]), np.array([1, 2, 3]))
    assert by_year(known) == (ItemGroup(1992, 2, 3),)
    wide = table(["1", "2"], [1990, 1992], [(), ()])
    known = known_items(wide, Vocabulary.from_ids([1, 2]), np.array([3, 4]))
    assert by_year(known) == (ItemGroup(1990, 1, 3), ItemGroup(1991, 0, 0), ItemGroup(1992, 1, 4))


def test_by_genre_an_item_counts_once_for_each():
    assert by_genre(KNOWN) == (
        ItemGroup("War", 1, 5), ItemGroup("Comedy", 1, 2), ItemGroup("Drama", 1, 2),
    )  # fmt: skip


def test_nothing_known():
    known = known_items(
        table(["x"], [None], [()]), Vocabulary.from_ids(["x", "y"]), np.ones(2, int)
    )
    assert by_year(known) == by_genre(known) == ()

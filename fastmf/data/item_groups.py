"""Items and their ratings by year and by genre."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from fastmf.data.arrays import Array
from fastmf.data.items import Items
from fastmf.data.vocabulary import Vocabulary

__all__ = ["ItemGroup", "KnownItems", "by_genre", "by_year", "known_items"]

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True)
class ItemGroup:
    """Items of one year, or one genre.

    Attributes
    ----------
    name : int or str
        The year or the genre.
    n_items : int
        Items that have ratings.
    n_ratings : int
        Ratings of all of them.
    """

    name: Any
    n_items: int
    n_ratings: int


@dataclass(frozen=True)
class KnownItems:
    """What a table of items says of the items that have ratings.

    Attributes
    ----------
    n_ratings : tuple of int
        Ratings of each such item.
    years : tuple of int or None
        Year of each.
    genres : tuple of tuple of str
        Genres of each.
    n_unknown : int
        Items with ratings that the table does not name.
    """

    n_ratings: tuple[int, ...]
    years: tuple[int | None, ...]
    genres: tuple[tuple[str, ...], ...]
    n_unknown: int


def known_items(items: Items, vocabulary: Vocabulary, item_counts: Array) -> KnownItems:
    """Match a table of items with the items of ratings.

    Parameters
    ----------
    items : Items
    vocabulary : Vocabulary
        Of the items of the ratings.
    item_counts : ndarray
        (n_items,) int64 ratings of each of the vocabulary.

    Returns
    -------
    KnownItems
    """
    index = vocabulary.lookup(items.ids).tolist()
    # Ids such as 7 and 7.0 may name one item twice: the last counts.
    place_of = {i: place for place, i in enumerate(index) if i >= 0 and item_counts[i] > 0}
    return KnownItems(
        tuple(int(item_counts[i]) for i in place_of),
        tuple(items.years[place] for place in place_of.values()),
        tuple(items.genres[place] for place in place_of.values()),
        int(np.count_nonzero(item_counts)) - len(place_of),
    )


def by_year(items: KnownItems) -> tuple[ItemGroup, ...]:
    """Count the items of each year.

    Parameters
    ----------
    items : KnownItems

    Returns
    -------
    tuple of ItemGroup
        Every year from the first that has items to the last; none where no year is known.
    """
    groups = _grouped([() if year is None else (year,) for year in items.years], items.n_ratings)
    if not groups:
        return ()
    years = range(min(groups), max(groups) + 1)
    return tuple(groups.get(year, ItemGroup(year, 0, 0)) for year in years)


def by_genre(items: KnownItems) -> tuple[ItemGroup, ...]:
    """Count the items of each genre; an item counts for each of its genres.

    Parameters
    ----------
    items : KnownItems

    Returns
    -------
    tuple of ItemGroup
        Most ratings first; none where no genre is known.
    """
    groups = _grouped(items.genres, items.n_ratings).values()
    return tuple(sorted(groups, key=lambda group: (-group.n_ratings, str(group.name))))


def _grouped(names: Sequence[Iterable[Group]], n_ratings: Sequence[int]) -> dict[Group, ItemGroup]:
    totals: dict[Group, tuple[int, int]] = {}
    for of_item, count in zip(names, n_ratings, strict=True):
        for name in set(of_item):
            items, ratings = totals.get(name, (0, 0))
            totals[name] = items + 1, ratings + count
    return {name: ItemGroup(name, *total) for name, total in totals.items()}

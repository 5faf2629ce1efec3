"""Ratings with vocabularies that hold more than was rated."""

import numpy as np
import pytest

from fastmf import Ratings, random_split
from fastmf.data.widened import widened


@pytest.fixture
def ratings():
    return Ratings.from_arrays([7, 7, 9], [30, 10, 30], [1.0, 2.0, 3.0])


def test_new_ids_stand_behind_the_old(ratings):
    wide = widened(ratings, users=["8", "9", "8"], items=["20"])
    assert wide.users.take(np.arange(3)).tolist() == [7, 9, 8]
    assert wide.items.take(np.arange(3)).tolist() == [30, 10, 20]
    assert (wide.n_users, wide.n_items, len(wide)) == (3, 3, 3)
    for before, after in zip(ratings.chunk(0, 3), wide.chunk(0, 3), strict=True):
        np.testing.assert_array_equal(before, after)
    assert (ratings.n_users, ratings.n_items) == (2, 2)


def test_text_that_is_no_integer_adds_nothing_to_integers(ratings):
    given = ["x", "007", "1.5", "-0", "", "9" * 19, "-5", "0"]
    wide = widened(ratings, items=given)
    assert wide.items.take(np.arange(wide.n_items)).tolist() == [30, 10, -5, 0]


def test_ids_of_text_stay_text():
    ratings = Ratings.from_arrays(["a", "b"], ["x", "7"], [1.0, 2.0])
    wide = widened(ratings, users=["c", "a"], items=["007", "7"])
    assert wide.users.take(np.arange(3)).tolist() == ["a", "b", "c"]
    assert wide.items.take(np.arange(3)).tolist() == ["x", "7", "007"]


def test_nothing_new_keeps_the_vocabularies(ratings):
    wide = widened(ratings, users=["7"], items=["10", "x"])
    assert wide.users is ratings.users
    assert wide.items is ratings.items


def test_selections_are_widened_and_selected_again(ratings):
    whole = Ratings.from_arrays(np.arange(40) % 8, np.arange(40) // 8, np.arange(40) % 5)
    train, _ = random_split(whole, 0.25)
    wide = widened(train, items=["99"])
    assert len(wide) == len(train)
    part, rest = random_split(wide, 0.5)
    assert len(part) + len(rest) == len(train)
    assert part.n_items == rest.n_items == whole.n_items + 1

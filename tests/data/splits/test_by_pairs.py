"""Holding out listed pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf import Ratings, pairs_split, random_split
from fastmf.data.splits import is_list_of_pairs
from fastmf.errors import DataError, ParameterError
from tests.data.splits.parts import frame_of, make_ratings, parted


def ids_of(ratings, rows):
    users, items = ratings.user_index[rows], ratings.item_index[rows]
    return ratings.users.take(users), ratings.items.take(items)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 300), st.integers(0, 99), st.floats(0.01, 0.9), st.integers(1, 3))
def test_the_ratings_of_the_pairs_are_held_out(n_rows, seed, share, num_threads):
    ratings = make_ratings(n_rows, seed=seed)
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(generator.random(len(ratings)) < share)
    if len(rows) in (0, len(ratings)):
        return
    users, items = ids_of(ratings, generator.permutation(np.repeat(rows, 2)))
    # Known users and items without a rating of theirs, and unknown ones.
    users, items = np.append(users, [-5, users[0]]), np.append(items, [items[0], -5])
    train, held_out = pairs_split(ratings, (users, items), num_threads=num_threads)
    parted(ratings, train, held_out)
    listed = frame_of(ratings).iloc[rows]
    pd.testing.assert_frame_equal(frame_of(held_out), listed.reset_index(drop=True))
    assert held_out.notes == (f"the pairs given: 2 pairs have no rating, {len(rows)} held out",)


def test_pairs_of_known_ids_without_a_rating_are_counted():
    ratings = Ratings.from_arrays([1, 1, 2], [1, 2, 2], [3, 4, 5])
    _, held_out = pairs_split(ratings, ([1, 2], [2, 1]))
    assert held_out.value.tolist() == [4]
    assert held_out.notes == ("the pairs given: 1 pair has no rating, 1 held out",)


@pytest.mark.parametrize("kind", ["probe", "csv", "parquet", "ratings", "arrays"])
def test_every_way_to_give_pairs(kind, tmp_path):
    ratings = make_ratings(500)
    rows = np.arange(3, 500, 9)
    users, items = ids_of(ratings, rows)
    table = pd.DataFrame({"userId": users, "movieId": items})
    if kind == "probe":
        pairs = tmp_path / "probe.txt"
        pairs.write_text(
            "".join(
                f"{item + 1}:\n" + "".join(f"{user}\n" for user in group.userId + 1)
                for item, group in table.groupby("movieId")
            )
        )
        # The list's ids begin at 1.
        frame = frame_of(ratings)
        ratings = Ratings.from_arrays(
            ratings.users.take(frame.user) + 1, ratings.items.take(frame.item) + 1,
            frame.rating, frame.time,
        )  # fmt: skip
        assert is_list_of_pairs(pairs)
    elif kind == "csv":
        pairs = str(tmp_path / "pairs.csv")
        table.to_csv(pairs, index=False)
    elif kind == "parquet":
        pairs = tmp_path / "pairs.parquet"
        table.to_parquet(pairs)
        assert not is_list_of_pairs(pairs)
    elif kind == "ratings":
        pairs = Ratings.from_arrays(users, items, np.zeros(len(users)))
    else:
        pairs = (users.astype(str), items.tolist())
    _, held_out = pairs_split(ratings, pairs)
    held = np.unpackbits(held_out.selected_rows, bitorder="little")
    assert np.flatnonzero(held).tolist() == rows.tolist()
    assert held_out.notes == ()


def test_columns_of_a_table_of_pairs_can_be_named(tmp_path):
    (tmp_path / "p.csv").write_text("who,what\n1,2\n")
    ratings = Ratings.from_arrays([1, 1, 2], [1, 2, 2], [3, 4, 5])
    _, held_out = pairs_split(ratings, tmp_path / "p.csv", user_column="who", item_column="what")
    assert held_out.value.tolist() == [4]


def test_text_ids_and_a_selection():
    ratings = Ratings.from_arrays(["a", "b", "a", "c"], ["x", "x", "y", "z"], [1, 2, 3, 4])
    chosen, left_out = random_split(ratings, 0.25, 1)
    users, items = ids_of(chosen, [0])
    other_users, other_items = ids_of(left_out, [0])
    pairs = [users[0], other_users[0]], [items[0], other_items[0]]
    train, held_out = pairs_split(chosen, pairs)
    parted(chosen, train, held_out)
    assert len(held_out) == 1
    assert held_out.notes == ("the pairs given: 1 pair has no rating, 1 held out",)


def test_known_users_and_items_only():
    ratings = Ratings.from_arrays([1, 1, 2, 3, 3], [1, 2, 2, 1, 2], [1, 2, 3, 4, 5])
    # User 2 has nothing else.
    _, held_out = pairs_split(ratings, ([1, 2], [1, 2]), keep_known=True)
    assert held_out.value.tolist() == [1]
    assert "1 rating of users or items that the rest does not have" in held_out.notes[0]


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        (([8], [9]), "none of 1 has a rating; do they hold the same ids"),
        (([], []), "none of 0 has a rating"),
        (([1, 2], [1]), "pairs are of 2 users and 1 items"),
        ({1: 2}, "pairs are dict, but must be a path, Ratings, or two arrays"),
        ("nowhere.csv", "nowhere.csv"),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(pairs, complaint):
    with pytest.raises(DataError, match=complaint):
        pairs_split(make_ratings(20), pairs)


def test_a_list_of_all_pairs_is_refused():
    ratings = make_ratings(20)
    with pytest.raises(ParameterError, match="the pairs given of 20 ratings holds out everything"):
        pairs_split(ratings, ratings)


def test_what_is_no_file_is_no_list(tmp_path):
    assert not is_list_of_pairs(tmp_path)
    assert not is_list_of_pairs(tmp_path / "nowhere")

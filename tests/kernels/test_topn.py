"""Scoring and selection against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.topn import TILE, place_seen_items, score_rows, select_top_n
from tests.reference import topn as reference


def in_tiles(item_factors):
    n_items, k = item_factors.shape
    padded = np.zeros((-(-n_items // TILE) * TILE, k), np.float32)
    padded[:n_items] = item_factors
    return np.ascontiguousarray(padded.reshape(len(padded) // TILE, TILE, k).transpose(0, 2, 1))


def select(scores, seen, n):
    """Run the kernel on a copy, with the seen items of each row as a list of lists."""
    lengths = np.array([len(items) for items in seen], np.int64)
    stop = np.cumsum(lengths)
    flat = np.array([item for items in seen for item in items], np.int32)
    index = np.empty((len(scores), n), np.int32)
    score = np.empty((len(scores), n), np.float32)
    select_top_n(scores.copy(), stop - lengths, stop, flat, index, score)
    return index, score


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(1, 9),
    n_items=st.integers(1, 100),
    k=st.integers(0, 40),
)
def test_scores_equal_the_formula(seed, m, n_items, k):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(m, k)).astype(np.float32)
    items = rng.normal(size=(n_items, k)).astype(np.float32)
    row_bias = rng.normal(size=m).astype(np.float32)
    item_bias = rng.normal(size=n_items).astype(np.float32)
    scores = np.full((m, n_items), np.nan, np.float32)
    score_rows(rows, row_bias, in_tiles(items), item_bias, scores)
    expected = reference.score_rows(rows, row_bias, items, item_bias)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("k", [1, 17, 50])
def test_a_score_has_the_same_bits_in_any_company(k):
    rng = np.random.default_rng(k)
    rows = rng.normal(size=(23, k)).astype(np.float32)
    items = rng.normal(size=(90, k)).astype(np.float32)
    items[[31, 32, 63, 89]] = items[0]  # the same item at every kind of place in a tile
    row_bias = rng.normal(size=23).astype(np.float32)
    item_bias = np.full(90, 0.1, np.float32)
    together = np.empty((23, 90), np.float32)
    score_rows(rows, row_bias, in_tiles(items), item_bias, together)
    for first, stop in [(0, 1), (5, 7), (3, 6), (22, 23), (1, 23)]:
        part = np.empty((stop - first, 90), np.float32)
        score_rows(rows[first:stop], row_bias[first:stop], in_tiles(items), item_bias, part)
        np.testing.assert_array_equal(part, together[first:stop])
    for place in (31, 32, 63, 89):
        np.testing.assert_array_equal(together[:, place], together[:, 0])


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_items=st.integers(0, 300),
    n=st.integers(1, 40),
    levels=st.integers(1, 1000),
    seen_share=st.floats(0, 1),
)
def test_selection_equals_a_full_sort(seed, n_items, n, levels, seen_share):
    # Few levels of scores make many ties.
    rng = np.random.default_rng(seed)
    scores = rng.integers(-levels, levels, (3, n_items)).astype(np.float32) / 7
    seen = [np.flatnonzero(rng.random(n_items) < seen_share).tolist() for _ in range(3)]
    index, score = select(scores, seen, n)
    for row in range(3):
        expected_index, expected_score = reference.top_n(scores[row], set(seen[row]), n)
        assert index[row].tolist() == expected_index
        np.testing.assert_array_equal(score[row], np.array(expected_score, np.float32))


@pytest.mark.parametrize("order", ["rising", "falling", "constant"])
def test_selection_of_sorted_scores(order):
    scores = np.arange(1000, dtype=np.float32)[np.newaxis]
    scores = {"rising": scores, "falling": scores[:, ::-1], "constant": 0 * scores}[order].copy()
    index, _ = select(scores, [[]], 70)
    first = np.arange(70)
    np.testing.assert_array_equal(index[0], 999 - first if order == "rising" else first)


def test_nan_and_minus_infinity_are_never_selected():
    scores = np.array([[np.nan, 1, -np.inf, 3, np.nan, -2, np.inf]], np.float32)
    index, score = select(scores, [[]], 6)
    assert index[0].tolist() == [6, 3, 1, 5, -1, -1]
    assert np.isnan(score[0]).tolist() == [False] * 4 + [True] * 2


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(0, 200), cut=st.integers(0, 200))
def test_seen_items_of_the_wanted_users(seed, m, cut):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 8, m).astype(np.int32)
    items = rng.integers(0, 20, m).astype(np.int32)
    model_item = rng.permutation(20).astype(np.int32)
    model_item[rng.random(20) < 0.3] = -1
    wanted = np.array([6, 0, 3])
    slots = np.full(8, -1, np.int32)
    slots[wanted] = [0, 1, 2]
    room = np.concatenate([[0], np.cumsum([(users == user).sum() for user in wanted])])
    cursor, found = room[:-1].astype(np.int64), np.empty(room[-1], np.int32)
    for part in (slice(0, cut), slice(cut, None)):
        place_seen_items(users[part], items[part], slots, model_item, cursor, found)
    for slot, user in enumerate(wanted):
        expected = reference.seen_items(users, items, user, model_item)
        assert found[room[slot] : cursor[slot]].tolist() == expected

"""Ranking metrics against their definitions, and against scikit-learn's where it has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from fastmf.errors import DataError
from fastmf.metrics import RankingScores, ranking
from tests.reference import ranking as reference

NAMES = RankingScores._fields
OF_HITS_ALONE = {"precision", "reciprocal_rank", "hit_rate"}


def of_users(name, hits, n_relevant):
    metric = getattr(ranking, name)
    return metric(hits) if name in OF_HITS_ALONE else metric(hits, n_relevant)


@st.composite
def lists(draw):
    """Lists of one length and how many items are relevant, those not found included."""
    n = draw(st.integers(1, 12))
    rows = draw(st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=6))
    more = draw(st.lists(st.integers(0, 15), min_size=len(rows), max_size=len(rows)))
    counts = [max(1, sum(row) + extra) for row, extra in zip(rows, more, strict=True)]
    return np.array(rows), np.array(counts)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=80)
@given(lists())
def test_metrics_are_what_their_definitions_say(name, given_lists):
    hits, counts = given_lists
    found = of_users(name, hits, counts)
    rows = zip(hits.tolist(), counts.tolist(), strict=True)
    expected = [getattr(reference, name)(*row) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.dtype == np.float64
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()
    assert getattr(RankingScores.of(hits, counts), name) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("name", NAMES)
def test_the_best_list_has_1_and_one_without_hits_0(name):
    assert of_users(name, np.ones((1, 4), bool), [4]) == 1
    assert of_users(name, np.zeros((1, 4), bool), [4]) == 0


def test_ndcg_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    relevance, scores = rng.random((50, 40)) < 0.2, rng.random((50, 40))
    relevance[:, 0] = True
    hits = np.take_along_axis(relevance, np.argsort(-scores)[:, :10], axis=1)
    expected = metrics.ndcg_score(relevance, scores, k=10)
    assert ranking.ndcg(hits, relevance.sum(axis=1)).mean() == pytest.approx(expected, rel=1e-12)


def test_average_precision_of_whole_lists_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    relevance, scores = rng.random((30, 25)) < 0.3, rng.random((30, 25))
    relevance[:, 0] = True
    hits = np.take_along_axis(relevance, np.argsort(-scores), axis=1)
    found = ranking.average_precision(hits, relevance.sum(axis=1))
    rows = zip(relevance, scores, strict=True)
    expected = [metrics.average_precision_score(*row) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("hits", "message"),
    [
        ([True], "hits are bool of shape"),
        ([[1, 0]], "hits are int64"),
        (np.zeros((0, 3), bool), r"hits are bool of shape \(0, 3\)"),
    ],
)
def test_what_is_no_table_of_hits_is_refused(hits, message):
    with pytest.raises(DataError, match=message):
        ranking.precision(hits)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1], r"shape \(1,\), but it must be a whole number for each of the 2 rows"),
        ([1.0, 2.0], "n_relevant is float64"),
        ([1, 1], r"n_relevant\[1\] is 1, but row 1 has 2 hits"),
        ([0, 2], r"n_relevant\[0\] is 0, but row 0 has 0 hits; it must be at least that, and"),
    ],
)
def test_numbers_of_relevant_items_that_cannot_be_are_refused(counts, message):
    with pytest.raises(DataError, match=message):
        ranking.recall([[False, False], [True, True]], counts)

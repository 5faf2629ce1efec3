"""Recommendations against brute force, by raw ids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import Columns
from fastmf.data.ratings import Ratings
from fastmf.data.vocabulary import Vocabulary
from fastmf.errors import ParameterError
from fastmf.recommend import FactorScorer, recommend, recommend_top_n, seen_items, similar_items
from tests.reference import topn as reference


class Model:
    """The least that recommending knows of a model."""

    def __init__(self, rng, user_ids, item_ids, k=8):
        self.users_ = Vocabulary.from_ids(user_ids)
        self.items_ = Vocabulary.from_ids(item_ids)
        n_users, n_items = len(user_ids), len(item_ids)
        self.user_factors = rng.normal(size=(n_users, k)).astype(np.float32)
        self.item_factors = rng.normal(size=(n_items, k)).astype(np.float32)
        self.user_bias = rng.normal(size=n_users).astype(np.float32)
        self.item_bias = rng.normal(size=n_items).astype(np.float32)

    def item_scorer(self):
        return FactorScorer(
            self.user_factors, self.item_factors, self.user_bias, self.item_bias, 3.5
        )

    def ratings_of(self, scores):
        return scores

    def scores(self, user):
        """Return the kernel's own scores of one user: brute force must order the same bits."""
        scores = np.empty((1, len(self.items_)), np.float32)
        self.item_scorer()(np.array([user], np.int32), scores)
        return scores[0]


def make_ratings(pairs, users, items):
    """Make ratings of raw pairs, with vocabularies of their own."""
    users, items = Vocabulary.from_ids(users), Vocabulary.from_ids(items)
    columns = Columns(
        users.lookup([user for user, _ in pairs]),
        items.lookup([item for _, item in pairs]),
        np.ones(len(pairs), np.float32),
        None,
    )
    return Ratings(columns, users, items, (1.0, 1.0))


def same_bits(left, right):
    return all(a.tobytes() == b.tobytes() for a, b in zip(left, right, strict=True))


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return Model(rng, np.arange(100) * 3 + 7, [f"item {i}" for i in range(75)])


def test_scores_are_mean_biases_and_dot_product(model):
    expected = 3.5 + model.item_bias + model.user_bias[5]
    expected = expected + model.item_factors @ model.user_factors[5]
    np.testing.assert_allclose(model.scores(5), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.scores(-1), 3.5 + model.item_bias, rtol=1e-6)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    n_items=st.integers(1, 40),
    density=st.floats(0, 1),
)
def test_top_n_equals_brute_force_with_seen_items_of_another_table(seed, n, n_items, density):
    rng = np.random.default_rng(seed)
    model = Model(rng, np.arange(45), np.arange(n_items) + 100)
    # The other table knows some of the users and items, others besides, in another order.
    users, items = rng.permutation(60)[:40], rng.permutation(n_items + 9)[: n_items + 4] + 100
    pairs = [(u, i) for u in users for i in items if rng.random() < density]
    seen = make_ratings(pairs, users, items)
    wanted = rng.integers(-1, 45, 50)
    top = recommend_top_n(model, wanted, n, seen, num_threads=2)
    for row, user in enumerate(wanted):
        scores = model.scores(user)
        hidden = {item - 100 for u, item in pairs if u == user and user >= 0}
        expected_index, expected_score = reference.top_n(scores, hidden, n)
        assert top.item_index[row].tolist() == expected_index
        np.testing.assert_array_equal(top.score[row], np.array(expected_score, np.float32))


def test_same_bits_for_any_number_of_threads_and_any_company(model):
    pairs = [(user, f"item {user % 70}") for user in model.users_.take(np.arange(100))]
    seen = make_ratings(pairs, model.users_.ids, model.items_.ids)
    everybody = np.arange(100)
    one = recommend_top_n(model, everybody, 10, seen, num_threads=1)
    for threads in (2, 5):
        other = recommend_top_n(model, everybody, 10, seen, num_threads=threads)
        assert same_bits(one, other)
    for user in (0, 31, 32, 99):
        alone = recommend_top_n(model, [user], 10, seen)
        assert same_bits(alone, (one.item_index[[user]], one.score[[user]]))


def test_seen_items_in_several_passes_give_the_same(model, monkeypatch):
    rng = np.random.default_rng(1)
    ids = model.users_.take(np.arange(100))
    pairs = [(user, f"item {item}") for user in ids for item in rng.integers(0, 75, 9)]
    seen = make_ratings(sorted(set(pairs)), ids[::-1], [f"item {i}" for i in range(75)])
    wanted = rng.integers(-1, 100, 120)
    whole = recommend_top_n(model, wanted, 12, seen)
    for limit in (1, 10, 50):
        monkeypatch.setattr(seen_items, "_SEEN_AT_ONCE", limit)
        assert same_bits(recommend_top_n(model, wanted, 12, seen), whole)


def test_raw_ids_come_back_in_rank_order(model):
    result = recommend(model, [10, 7], n=4)
    assert result.user_ids.tolist() == [10, 7]
    order = np.argsort(-model.scores(1))[:4]
    assert result.item_ids[0].tolist() == [f"item {i}" for i in order]
    assert result.known.tolist() == [True, True]
    assert (np.diff(result.scores) <= 0).all()


def test_every_user_is_the_default(model):
    result = recommend(model, n=3)
    assert result.user_ids.tolist() == (np.arange(100) * 3 + 7).tolist()
    assert result.item_ids.shape == result.scores.shape == (100, 3)


def test_unknown_users_get_the_best_liked_items_they_have_not_seen(model):
    liked = [f"item {i}" for i in np.argsort(-model.item_bias)]
    seen = make_ratings([(-5, liked[0]), (-5, liked[2])], [-5], liked)
    result = recommend(model, [-5, 7, -6], n=3, seen=seen)
    assert result.known.tolist() == [False, True, False]
    assert result.item_ids[0].tolist() == [liked[1], liked[3], liked[4]]
    assert result.item_ids[2].tolist() == liked[:3]


def test_missing_places_are_marked_and_left_out_of_frames():
    model = Model(np.random.default_rng(2), ["ann", "bob"], [5, 6, 7])
    seen = make_ratings([("ann", 5), ("ann", 7)], ["ann"], [5, 7])
    result = recommend(model, ["ann", "bob"], n=4, seen=seen)
    assert result.item_ids[0].tolist() == [6, -1, -1, -1]
    assert np.isnan(result.scores).tolist() == [[False, True, True, True], [False] * 3 + [True]]
    frame = result.to_pandas()
    assert frame.columns.tolist() == ["user_id", "rank", "item_id", "score", "known_user"]
    assert frame["user_id"].tolist() == ["ann", "bob", "bob", "bob"]
    assert frame["rank"].tolist() == [1, 1, 2, 3]
    assert frame["item_id"].tolist() == [6, *result.item_ids[1, :3]]
    assert frame["known_user"].all()


def test_equal_scores_are_ordered_by_item(model):
    model.item_factors[:] = 0
    model.item_bias[:] = 1
    top = recommend_top_n(model, [3], 75)
    assert top.item_index[0].tolist() == list(range(75))


def test_scores_are_told_as_ratings_and_ranked_as_scores(model, monkeypatch):
    expected = recommend(model, n=75)
    # As a sigmoid does far out, this ties the best.
    monkeypatch.setattr(model, "ratings_of", lambda scores: np.minimum(scores, np.float32(4)))
    found = recommend(model, n=75)
    np.testing.assert_array_equal(found.item_ids, expected.item_ids)
    np.testing.assert_array_equal(found.scores, np.minimum(expected.scores, 4))


def test_an_unknown_user_may_have_factors_and_a_bias(model):
    arrays = model.user_factors, model.item_factors, model.user_bias, model.item_bias
    scorer = FactorScorer(
        *arrays, 3.5, unknown_user=model.user_factors[4], unknown_user_bias=model.user_bias[4]
    )
    scores = np.empty((3, 75), np.float32)
    scorer(np.array([-1, 4, 2], np.int32), scores)
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[2], model.scores(2))


def test_progress_counts_every_user(model):
    done = []
    recommend(model, n=2, num_threads=2, progress=done.append)
    assert sum(done) == 100
    assert len(done) > 1


def test_a_failing_scorer_raises_and_does_not_hang(model, monkeypatch):
    class Broken(FactorScorer):
        def __call__(self, user_index, scores):
            raise ValueError("broken")

    monkeypatch.setattr(
        model, "item_scorer", lambda: Broken(*[np.zeros((1, 1), np.float32)] * 2, *[[0.0]] * 2, 0)
    )
    with pytest.raises(ValueError, match="broken"):
        recommend(model, num_threads=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 1, "num_threads": 0}, "num_threads is 0"),
        ({"user_index": [100]}, r"user index 100 is outside \[-1, 99\]"),
        ({"user_index": [-2]}, "user index -2"),
        ({"user_index": [0.5]}, "must be integers"),
    ],
)
def test_wrong_arguments_are_refused(model, arguments, message):
    with pytest.raises(ParameterError, match=message):
        recommend_top_n(model, **{"user_index": [0]} | arguments)


def test_similar_items_by_cosine():
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(60, 20)).astype(np.float32)
    factors[7] = 3 * factors[4]
    factors[9] = 0
    top = similar_items(factors, [4, 9, 7, 4], 59)
    lengths = np.linalg.norm(factors, axis=1)
    cosine = factors[4] @ factors.T / np.where(lengths == 0, 1, lengths) / lengths[4]
    assert top.item_index[0, 0] == 7
    assert top.score[0, 0] == pytest.approx(1)
    assert sorted(top.item_index[0]) == sorted(set(range(60)) - {4})
    np.testing.assert_allclose(top.score[0], cosine[top.item_index[0]], atol=1e-5)
    assert (np.diff(top.score[0]) <= 0).all()
    # Nothing points the way of an item without factors: all others tie at 0.
    assert top.item_index[1].tolist() == [i for i in range(60) if i != 9]
    assert (top.score[1] == 0).all()
    assert same_bits((top.item_index[3], top.score[3]), (top.item_index[0], top.score[0]))
    assert np.abs(top.score).max() <= 1


def test_similar_items_of_an_item_that_does_not_exist():
    with pytest.raises(ParameterError, match=r"item index 5 is outside \[0, 4\]"):
        similar_items(np.zeros((5, 2), np.float32), [5])

"""Recommendations judged, against ranking every item for every user by hand."""

import numpy as np
import pytest

from fastmf import ImplicitALS, Interaction, Ratings, RunSettings, evaluate_ranking, random_split
from fastmf.errors import DataError, NotFittedError, ParameterError
from fastmf.metrics import RankingScores
from fastmf.models.biased_mf import BiasedMF
from tests.models.tables import planted
from tests.reference import ranking as reference


@pytest.fixture(scope="module")
def parts():
    return random_split(planted(4000, 80, 100), 0.3)


@pytest.fixture(scope="module")
def model(parts):
    return BiasedMF(4, epochs=6).fit(parts[0])


def pairs(ratings, above=-np.inf):
    chosen = ratings.value > above
    users = ratings.users.take(ratings.user_index[chosen]).tolist()
    return set(zip(users, ratings.items.take(ratings.item_index[chosen]).tolist(), strict=True))


def judged(model, valid, seen, n, above, score):
    """Return the means over users, and the items recommended, from raw ids; slow and obvious."""
    wanted, hidden = pairs(valid, above), pairs(seen) - pairs(valid)
    users, items = (
        known.take(np.arange(len(known))).tolist() for known in (model.users_, model.items_)
    )
    wanted = {pair for pair in wanted if pair[0] in users and pair[1] in items}
    found, recommended = [], set()
    for user in sorted({user for user, _ in wanted}):
        left = [item for item in items if (user, item) not in hidden]
        scores = score(user, left)
        best = [left[place] for place in np.argsort(-scores, kind="stable")[:n]]
        recommended |= set(best)
        hits = [(user, item) in wanted for item in best]
        hits += [False] * (n - len(hits))
        count = sum(one == user for one, _ in wanted)
        names = RankingScores._fields
        found.append([getattr(reference, name)(hits, count) for name in names])
    return np.mean(found, axis=0), recommended, len(found), len(wanted)


def by_popularity(train):
    items = train.items.take(train.item_index).tolist()
    return lambda user, left: np.array([items.count(item) for item in left], float)


@pytest.mark.parametrize(("n", "above"), [(1, 3.0), (10, 2.5), (100, 4.0)])
def test_scores_are_those_of_ranking_by_hand(parts, model, n, above):
    train, valid = parts
    found = evaluate_ranking(model, valid, n, train, like_above=above)

    def unclipped(user, left):
        row = model.users_.lookup(np.array([user]))[0]
        columns = model.items_.lookup(np.array(left))
        return model.user_factors_[row] @ model.item_factors_[columns].T + model.item_bias_[columns]

    scores, recommended, n_users, n_relevant = judged(model, valid, train, n, above, unclipped)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)
    assert found.coverage == pytest.approx(len(recommended) / len(model.items_))
    assert (found.n, found.n_users, found.n_relevant) == (n, n_users, n_relevant)
    assert found.like_above == above
    popular = judged(model, valid, train, n, above, by_popularity(train))[0]
    np.testing.assert_allclose(found.popular, popular, rtol=1e-6)


def test_without_seen_ratings_nothing_is_left_out(parts, model):
    train, valid = parts
    found = evaluate_ranking(model, valid, 5)
    nothing = Ratings.from_arrays([train.users.take([0])[0]], ["-1"], [1.0])
    assert found.popular is None
    assert found.scores.recall < evaluate_ranking(model, valid, 5, train).scores.recall
    assert found.scores == evaluate_ranking(model, valid, 5, nothing).scores


def test_what_is_to_be_found_is_never_left_out(parts, model):
    _, valid = parts
    both = planted(4000, 80, 100)  # seen, with what was held out
    scores = evaluate_ranking(model, valid, 5, both).scores
    assert scores.recall > 0
    # Of the training ratings alone, the same items are left out.
    assert scores == evaluate_ranking(model, valid, 5, parts[0]).scores


def test_the_same_for_any_number_of_threads(parts, model):
    train, valid = parts
    found = [
        evaluate_ranking(model, valid, 7, train, run=RunSettings(num_threads=threads))
        for threads in (1, 3)
    ]
    assert found[0] == found[1]


def test_who_knows_tastes_beats_popularity():
    """Users and items of four groups, who keep to their own."""
    users, items = np.divmod(np.arange(80 * 60), 60)
    rng = np.random.default_rng(0)
    own = (users % 4 == items % 4) & (rng.random(users.size) < 0.6)
    train, valid = random_split(
        Ratings.from_arrays(users[own], items[own], np.ones(own.sum())), 0.3
    )
    found = evaluate_ranking(ImplicitALS(4, epochs=4).fit(train), valid, 5, train)
    assert found.scores.ndcg > 2 * found.popular.ndcg
    assert found.scores.hit_rate > 0.8


def test_the_unknown_is_left_out_and_counted(parts, model):
    _, valid = parts
    users = valid.users.take(valid.user_index).tolist()
    items = valid.items.take(valid.item_index).tolist()
    more = Ratings.from_arrays(
        [*users, 10**6, users[0]], [*items, items[0], 10**6], [*valid.value, 5.0, 5.0]
    )
    with_them, without = (evaluate_ranking(model, one, 5) for one in (more, valid))
    assert with_them.n_unknown_rows == without.n_unknown_rows + 2
    assert with_them.scores == without.scores


def test_a_part_of_the_users_is_drawn_always_the_same(parts, model):
    train, valid = parts
    whole = evaluate_ranking(model, valid, 5, train)
    part = evaluate_ranking(model, valid, 5, train, max_users=20)
    assert part == evaluate_ranking(model, valid, 5, train, max_users=20)
    assert part.n_users == 20
    assert 0 < part.n_relevant < whole.n_relevant
    assert whole == evaluate_ranking(model, valid, 5, train, max_users=whole.n_users)


def test_defaults_of_what_is_liked(parts):
    train, valid = parts
    low, high = train.rating_range
    ratings = evaluate_ranking(BiasedMF(2, epochs=1).fit(train), valid)
    assert ratings.like_above == pytest.approx(low + (high - low) * 4 / 9)
    assert evaluate_ranking(ImplicitALS(2, epochs=1).fit(train), valid).like_above is None
    likes = Interaction(factors=2, hidden=(4,), epochs=1, like_above=3.25).fit(train)
    assert evaluate_ranking(likes, valid).like_above == 3.25


def test_what_cannot_be_judged_is_refused(parts, model):
    _, valid = parts
    with pytest.raises(DataError, match=r"none of the [\d,]+ ratings is above 9, so no item is"):
        evaluate_ranking(model, valid, like_above=9)
    with pytest.raises(DataError, match="all 2 relevant ratings are of users or items that the"):
        evaluate_ranking(model, ([-1, -2], [1, 2], [5.0, 5.0]))
    with pytest.raises(ParameterError, match="n is 0"):
        evaluate_ranking(model, valid, 0)
    with pytest.raises(ParameterError, match="n is 101, but it must be at most 100"):
        evaluate_ranking(model, valid, 101)
    with pytest.raises(ParameterError, match="max_users is 0"):
        evaluate_ranking(model, valid, max_users=0)
    with pytest.raises(NotFittedError):
        evaluate_ranking(BiasedMF(), valid)

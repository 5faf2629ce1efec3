"""Using a fitted model: predict, recommend, similar items, save and load."""

import numpy as np
import pandas as pd
import pytest

import fastmf
from fastmf import RunSettings
from fastmf.errors import DataError, ModelFileError, ParameterError
from fastmf.models import load_model
from tests.models.measures import formula, is_one_line, learned
from tests.models.tables import planted


class UsingContract:
    """Part of `tests.models.contract.ModelContract`."""

    def test_predictions_follow_the_formula(self, fitted):
        users = fitted.users_.take(np.arange(50))
        items = fitted.items_.take(np.arange(50))
        predicted = fitted.predict(users, items)
        assert predicted.dtype == np.float32
        expected = np.clip(formula(fitted, users, items), *fitted.rating_range_)
        np.testing.assert_allclose(predicted, expected, rtol=1e-5)
        assert fitted.known(users, items).all()

    def test_predictions_stay_in_the_range_of_the_ratings(self, fitted):
        users = np.repeat(fitted.users_.take(np.arange(len(fitted.users_))), 20)
        items = np.tile(fitted.items_.take(np.arange(20)), len(fitted.users_))
        predicted = fitted.predict(users, items)
        raw = formula(fitted, users, items)
        low, high = fitted.rating_range_
        assert low <= predicted.min()
        assert predicted.max() <= high
        np.testing.assert_allclose(predicted, np.clip(raw, low, high), rtol=1e-5)

    def test_unknown_ids_fall_back_to_what_is_known(self, fitted):
        user, item = fitted.users_.take([3])[0], fitted.items_.take([4])[0]
        users, items = [user, user, -99, -99], [item, -77, item, -77]
        predicted = fitted.predict(users, items)
        expected = np.clip(formula(fitted, users, items), *fitted.rating_range_)
        np.testing.assert_allclose(predicted, expected, rtol=1e-5)
        # The known half counts, and two unknown halves are about the mean.
        assert len(set(predicted.tolist())) == 4
        assert predicted[3] == pytest.approx(fitted.mean_, rel=0.1)
        assert fitted.known(users, items).tolist() == [True, False, False, False]

    @pytest.mark.parametrize("ids", [[1j], np.zeros(1, [("a", int), ("b", int)])])
    def test_ids_of_a_kind_that_names_nothing_are_refused(self, fitted, ids):
        for use in (lambda: fitted.predict(ids, [1]), lambda: fitted.recommend(ids)):
            with pytest.raises(DataError, match="user ids are of type") as raised:
                use()
            assert is_one_line(raised)

    def test_one_id_goes_with_all_of_the_others(self, fitted):
        users, items = fitted.users_.take([1, 2, 3]), fitted.items_.take([5])
        expected = fitted.predict(users, np.repeat(items, 3))
        np.testing.assert_array_equal(fitted.predict(users, items[0]), expected)
        np.testing.assert_array_equal(fitted.predict(users, items), expected)
        assert fitted.predict([], []).shape == (0,)
        with pytest.raises(DataError, match="3 user ids but 2 item ids") as raised:
            fitted.predict(users, [1, 2])
        assert is_one_line(raised)

    @pytest.mark.parametrize(
        "ids",
        [[[1], [2]], np.array([[1, 2]]), {1, 2}, {1: 2}, [[1], [1, 2]], (n for n in [1])],
        ids=repr,
    )
    def test_ids_of_another_shape_than_a_flat_list_are_refused(self, fitted, ids):
        uses = (
            lambda: fitted.known(ids, 1),
            lambda: fitted.known(1, ids),
            lambda: fitted.predict(ids, ids),
            lambda: fitted.recommend(ids),
            lambda: fitted.similar_items(ids),
        )
        for use in uses:
            with pytest.raises(DataError, match=r"ids? ") as raised:
                use()
            assert is_one_line(raised)

    @pytest.mark.parametrize("large", [2**63, 2**70, -(2**70)])
    def test_integers_of_any_size_may_be_asked_for(self, fitted, large):
        user, item = fitted.users_.take([3])[0], fitted.items_.take([4])[0]
        assert fitted.known([large, int(user)], int(item)).tolist() == [False, True]
        assert fitted.predict(large, item) == fitted.predict(-99, item)
        found = fitted.recommend([large, int(user)], n=2)
        assert found.known.tolist() == [False, True]
        assert found.user_ids.tolist() == [large, user]
        with pytest.raises(DataError, match="does not know"):
            fitted.similar_items(large)

    @pytest.mark.parametrize("n", [2.5, "3", None, True, 0])
    def test_a_number_of_items_that_is_none_is_refused(self, fitted, n):
        for use in (fitted.recommend, fitted.similar_items):
            with pytest.raises(ParameterError, match=r"^n is") as raised:
                use(fitted.items_.take([0])[0], n)
            assert is_one_line(raised)

    def test_seen_and_measured_ratings_may_be_whatever_can_be_read(self, fitted):
        user, items = fitted.users_.take([3]), fitted.items_.take(np.arange(5))
        one_user = pd.DataFrame({"user": np.repeat(user, 5), "item": items, "rating": 3.0})
        found = fitted.recommend(user, n=len(fitted.items_), seen=one_user)
        left = found.item_ids[0][~np.isnan(found.scores[0])]
        assert set(left) == set(fitted.items_.take(np.arange(5, len(fitted.items_))))
        assert (found.item_ids[0, -5:] == -1).all()
        assert np.isnan(found.scores[0, -5:]).all()
        table = fastmf.read_ratings(one_user, trainable=False)
        assert fastmf.evaluate(fitted, one_user) == fastmf.evaluate(fitted, table)

    @pytest.mark.parametrize("folder", [None, 5])
    def test_what_is_no_path_is_refused_by_save(self, fitted, folder):
        with pytest.raises(ParameterError, match="path of a folder") as raised:
            fitted.save(folder)
        assert is_one_line(raised)

    def test_ids_may_be_text(self):
        model = self.make().fit(planted(800, 40, 30, text=True))
        assert model.known(["Ü3", "Ü3", "?"], ["item 4", "4", "item 4"]).tolist() == [1, 0, 0]
        top = model.recommend(["Ü3"], n=3)
        assert all(item.startswith("item ") for item in top.item_ids[0])
        assert np.isfinite(model.predict(["Ü3"], ["item 4"])).all()

    @pytest.mark.parametrize("threads", [1, 3])
    def test_recommendations_equal_brute_force_without_what_was_seen(
        self, fitted, ratings, threads
    ):
        users = fitted.users_.take([0, 7, 199, 7])
        run = RunSettings(num_threads=threads)
        top = fitted.recommend(users, n=8, seen=ratings, run=run)
        every = fitted.items_.take(np.arange(len(fitted.items_)))
        for row, user in enumerate(users):
            mine = ratings.user_index == ratings.users.lookup([user])[0]
            seen = set(ratings.items.take(ratings.item_index[mine]).tolist())
            scores = formula(fitted, np.repeat(user, len(every)), every)
            left = [place for place in np.argsort(-scores) if every[place] not in seen][:8]
            np.testing.assert_allclose(top.scores[row], scores[left], rtol=1e-5)
            assert not seen & set(top.item_ids[row].tolist())
            assert len(set(top.item_ids[row].tolist())) == 8
            by_id = dict(zip(every.tolist(), scores, strict=True))
            np.testing.assert_allclose(
                [by_id[item] for item in top.item_ids[row].tolist()], top.scores[row], rtol=1e-5
            )
        assert top.known.all()

    def test_an_unknown_user_gets_the_items_liked_best(self, fitted):
        top = fitted.recommend([-99], n=5)
        assert not top.known[0]
        every = fitted.items_.take(np.arange(len(fitted.items_)))
        scores = formula(fitted, [-99] * len(every), every)
        np.testing.assert_allclose(top.scores[0], np.sort(scores)[::-1][:5], rtol=1e-5)
        assert len(set(np.round(top.scores[0], 4).tolist())) > 1, "they differ"

    def test_similar_items_equal_brute_force(self, fitted):
        vectors = fitted.item_factors_.astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        item = fitted.items_.take([11])[0]
        similar = fitted.similar_items(item, n=6)
        cosine = vectors @ vectors[11]
        cosine[11] = -np.inf
        best = np.argsort(-cosine)[:6]
        np.testing.assert_allclose(similar.scores, cosine[best], atol=1e-6)
        assert similar.item_ids.tolist() == fitted.items_.take(best).tolist()
        everything = fitted.similar_items(item, n=10_000)
        assert len(everything.item_ids) == len(fitted.items_) - 1
        with pytest.raises(DataError, match="-999") as raised:
            fitted.similar_items(-999)
        assert is_one_line(raised)

    def test_saved_and_loaded_it_is_the_same(self, fitted, ratings, tmp_path):
        fitted.save(tmp_path / "model")
        users, items = ratings.users.take(np.arange(100)), ratings.items.take(np.arange(100))
        for load in (self.model_class.load, load_model, fastmf.load_model):
            loaded = load(tmp_path / "model")
            assert type(loaded) is self.model_class
            assert loaded.get_params() == fitted.get_params()
            assert learned(loaded) == learned(fitted)
            assert loaded.seconds_ == fitted.seconds_
            assert loaded.history_ == fitted.history_
            predictions = (model.predict(users, items) for model in (fitted, loaded))
            np.testing.assert_array_equal(*predictions)
            for ours, theirs in zip(
                fitted.recommend(users, seen=ratings),
                loaded.recommend(users, seen=ratings),
                strict=True,
            ):
                np.testing.assert_array_equal(ours, theirs)
            ours, theirs = fitted.similar_items(items[0]), loaded.similar_items(items[0])
            np.testing.assert_array_equal(ours.item_ids, theirs.item_ids)
        evaluations = (fastmf.evaluate(model, ratings) for model in (fitted, loaded))
        assert len(set(evaluations)) == 1

    def test_a_loaded_model_can_be_fitted_again(self, fitted, ratings, tmp_path):
        fitted.save(tmp_path / "model")
        again = load_model(tmp_path / "model").fit(ratings, valid=0.1)
        assert learned(again) == learned(fitted)

    def test_a_model_of_another_kind_is_not_loaded(self, fitted, tmp_path):
        class Other(self.model_class):
            kind = "another"

        fitted.save(tmp_path / "model")
        with pytest.raises(ModelFileError, match="another") as raised:
            Other.load(tmp_path / "model")
        assert is_one_line(raised)

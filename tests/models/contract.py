"""What every model must do. A new model's test is three lines::

class TestNewModel(ModelContract):
    model_class = NewModel
    small = {"factors": 5, "epochs": 3}  # trains in a blink
"""

import dataclasses
import inspect
import math
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fastmf
from fastmf import Ratings, RunSettings, random_split, read_ratings
from fastmf.errors import (
    DataError,
    FastMFError,
    ModelFileError,
    NotFittedError,
    ParameterError,
)
from fastmf.models import MODELS, load_model, model_class
from tests.models.tables import bad_tables, planted

LEARNED = ("user_factors_", "item_factors_", "user_bias_", "item_bias_")


def learned(model):
    """Return all that training came to, as bytes, without the clock."""
    history = [record._replace(seconds=0.0) for record in model.history_]
    figures = (
        model.mean_,
        model.rating_range_,
        model.train_rmse_,
        model.valid_rmse_,
        model.valid_mae_,
        model.best_epoch_,
        model.epochs_run_,
        model.stopped_,
        model.n_ratings_,
        model.baseline_.mean,
        history,
    )
    arrays = [getattr(model, name) for name in LEARNED] + list(model.baseline_[1:])
    return [array.tobytes() for array in arrays], repr(figures)


def formula(model, user_ids, item_ids):
    """Predict pair by pair in float64, leaving out what is unknown; not clipped."""
    users, items = model.users_.lookup(user_ids), model.items_.lookup(item_ids)
    out = []
    for user, item in zip(users, items, strict=True):
        rating = model.mean_
        if user >= 0:
            rating += float(model.user_bias_[user])
        if item >= 0:
            rating += float(model.item_bias_[item])
        if user >= 0 and item >= 0:
            p, q = model.user_factors_[user], model.item_factors_[item]
            rating += float(p.astype(np.float64) @ q.astype(np.float64))
        out.append(rating)
    return np.array(out)


def is_one_line(error):
    return str(error.value).strip() and "\n" not in str(error.value)


class ModelContract:
    """The tests; not collected itself, as its name does not begin with Test."""

    model_class: ClassVar[type]
    small: ClassVar[dict]

    @classmethod
    def make(cls, **changes):
        return cls.model_class(**(cls.small | changes))

    # -- hyperparameters -----------------------------------------------------------------------

    def test_is_registered_by_its_kind(self):
        assert self.model_class.kind in MODELS
        assert model_class(self.model_class.kind) is self.model_class

    def test_defaults_are_those_of_the_dataclass(self):
        signature = inspect.signature(self.model_class)
        fields = dataclasses.fields(self.model_class.hyperparameters)
        assert list(signature.parameters) == [field.name for field in fields]
        for field in fields:
            assert signature.parameters[field.name].default == field.default, field.name
            assert field.metadata["help"].endswith(".")
        assert self.model_class().get_params() == {field.name: field.default for field in fields}

    def test_arguments_are_stored_untouched_and_unchecked_until_fit(self):
        strange = {name: object() for name in self.model_class().get_params()}
        model = self.model_class(**strange)
        assert all(model.get_params()[name] is value for name, value in strange.items())

    def test_set_params_changes_and_returns_self(self):
        model = self.model_class()
        assert model.set_params(**self.small) is model
        assert model.get_params() == self.make().get_params()
        with pytest.raises(ParameterError, match="no_such_thing") as raised:
            model.set_params(no_such_thing=1)
        assert is_one_line(raised)

    def test_repr_makes_an_equal_model(self):
        made = eval(repr(self.make()), {self.model_class.__name__: self.model_class})
        assert made.get_params() == self.make().get_params()

    def test_scikit_learn_clones_it(self, fitted):
        base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
        clone = base.clone(fitted)
        assert clone is not fitted
        assert clone.get_params() == fitted.get_params()
        with pytest.raises(NotFittedError):
            clone.predict([1], [1])

    # -- fit -----------------------------------------------------------------------------------

    def test_fit_returns_self_with_all_attributes(self, ratings):
        model = self.make()
        train, valid = random_split(ratings, 0.2)
        assert model.fit(train, valid) is model
        n_users, n_items = ratings.n_users, ratings.n_items
        k = model.user_factors_.shape[1]
        shapes = (n_users, k), (n_items, k), (n_users,), (n_items,)
        for name, shape in zip(LEARNED, shapes, strict=True):
            array = getattr(model, name)
            assert array.shape == shape, name
            assert array.dtype == np.float32, name
            assert array.flags.c_contiguous, name
            assert np.isfinite(array).all(), name
        assert model.users_ is ratings.users
        assert model.items_ is ratings.items
        assert model.mean_ == pytest.approx(train.value.mean(dtype=np.float64))
        assert model.rating_range_ == ratings.rating_range
        assert model.n_ratings_ == len(train)
        assert model.source_ is None
        assert set(model.seconds_) == {"prepare", "compile", "train"}
        assert model.epochs_run_ == len(model.history_)
        assert 1 <= model.best_epoch_ <= model.epochs_run_
        assert model.stopped_ in {"finished", "patience"}

    def test_reported_errors_are_those_of_its_predictions(self, ratings):
        train, valid = random_split(ratings, 0.2)
        model = self.make().fit(train, valid)
        for part, rmse, mae in (
            (train, model.train_rmse_, None),
            (valid, model.valid_rmse_, model.valid_mae_),
        ):
            users, items = part.users.take(part.user_index), part.items.take(part.item_index)
            errors = model.predict(users, items).astype(np.float64) - part.value
            assert rmse == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5)
            if mae is not None:
                assert mae == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)
        best = model.history_[model.best_epoch_ - 1]
        assert best.valid_rmse == model.valid_rmse_ == min(r.valid_rmse for r in model.history_)

    def test_without_validation_the_last_epoch_stays(self, ratings):
        model = self.make().fit(ratings)
        assert model.valid_rmse_ is model.valid_mae_ is None
        assert model.best_epoch_ == model.epochs_run_
        assert model.n_ratings_ == len(ratings)

    def test_whatever_read_ratings_takes_can_be_trained_on(self, ratings):
        columns = (
            ratings.users.take(ratings.user_index),
            ratings.items.take(ratings.item_index),
            ratings.value,
        )
        frame = pd.DataFrame(dict(zip(("user", "item", "rating"), columns, strict=True)))
        whole = self.make().fit(ratings)
        for given in (columns, frame):
            assert learned(self.make().fit(given)) == learned(whole)
            measured = self.make().fit(ratings, valid=given)
            assert measured.valid_rmse_ == pytest.approx(whole.train_rmse_)

    def test_a_fraction_holds_out_that_part_by_the_seed(self, ratings):
        train, valid = random_split(ratings, 0.1, 7)
        parts = self.make(random_state=7).fit(train, valid)
        for fraction in (0.1, np.float64(0.1)):
            held_out = self.make(random_state=7).fit(ratings, valid=fraction)
            assert learned(held_out) == learned(parts)

    def test_validation_ratings_of_another_table_are_matched_by_id(self, ratings):
        train, valid = random_split(ratings, 0.2)
        other = Ratings.from_arrays(
            valid.users.take(valid.user_index)[::-1],
            valid.items.take(valid.item_index)[::-1],
            valid.value[::-1],
        )
        inside, outside = self.make().fit(train, valid), self.make().fit(train, other)
        assert inside.valid_rmse_ == pytest.approx(outside.valid_rmse_, rel=1e-9)
        strangers = Ratings.from_arrays([-1, -2], [-3, -4], [2.0, 5.0])
        unknown = self.make().fit(train, strangers)
        expected = np.sqrt(np.mean((unknown.mean_ - np.array([2.0, 5.0])) ** 2))
        assert unknown.valid_rmse_ == pytest.approx(expected, rel=1e-5)

    def test_a_second_fit_forgets_the_first(self, ratings):
        other = planted(500, 30, 20, seed=5, text=True)
        model = self.make().fit(ratings, valid=0.1)
        assert learned(model.fit(other)) == learned(self.make().fit(other))

    def test_progress_counts_every_rating_of_every_epoch(self, ratings):
        class Counter:
            total = done = 0

            def start(self, description, total, unit):
                if description == "training":
                    self.total = total
                self.counting = description == "training"

            def advance(self, amount):
                self.done += amount * self.counting

            def finish(self):
                pass

            def note(self, text):
                pass

        counter = Counter()
        model = self.make().fit(ratings, run=RunSettings(num_threads=1, progress=counter))
        assert counter.total == len(ratings) * model.epochs_run_
        assert 0.95 * counter.total <= counter.done <= counter.total

    def test_a_stop_leaves_a_usable_model(self, ratings):
        run = RunSettings(stop=lambda: True)
        model = self.make(epochs=50).fit(ratings, valid=0.1, run=run)
        assert (model.stopped_, model.epochs_run_) == ("interrupted", 1)
        assert np.isfinite(model.predict([1000], [-5])).all()

    # -- the same bits -------------------------------------------------------------------------

    @pytest.mark.parametrize("valid", [None, 0.1])
    def test_the_same_bits_for_any_number_of_threads(self, ratings, valid):
        results = [
            learned(self.make().fit(ratings, valid, run=RunSettings(num_threads=threads)))
            for threads in (1, 2, 5, 1)
        ]
        assert all(result == results[0] for result in results)

    def test_the_seed_changes_the_result(self, ratings):
        assert learned(self.make(random_state=1).fit(ratings)) != learned(self.make().fit(ratings))

    def test_the_same_bits_in_memory_and_memory_mapped(self, ratings, tmp_path):
        table = pa.table(
            {
                "userId": ratings.users.take(ratings.user_index),
                "movieId": ratings.items.take(ratings.item_index),
                "rating": ratings.value,
            }
        )
        path = tmp_path / "ratings.parquet"
        pq.write_table(table, path)
        expected = learned(self.make().fit(ratings, valid=0.1))
        for _ in ("made", "opened again"):
            mapped = read_ratings(path, cache=True)
            model = self.make().fit(mapped, valid=0.1)
            assert learned(model) == expected
            assert model.source_ == str(path)

    # -- what a fitted model does --------------------------------------------------------------

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
        mean, b, c = fitted.mean_, fitted.user_bias_[3], fitted.item_bias_[4]
        np.testing.assert_allclose(predicted[1:], [mean + b, mean + c, mean], rtol=1e-6)
        assert fitted.known(users, items).tolist() == [True, False, False, False]

    def test_one_id_goes_with_all_of_the_others(self, fitted):
        users, items = fitted.users_.take([1, 2, 3]), fitted.items_.take([5])
        expected = fitted.predict(users, np.repeat(items, 3))
        np.testing.assert_array_equal(fitted.predict(users, items[0]), expected)
        np.testing.assert_array_equal(fitted.predict(users, items), expected)
        assert fitted.predict([], []).shape == (0,)
        with pytest.raises(DataError, match="3 user ids but 2 item ids") as raised:
            fitted.predict(users, [1, 2])
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
        order = np.argsort(-fitted.item_bias_, kind="stable")[:5]
        np.testing.assert_allclose(
            top.scores[0], fitted.mean_ + fitted.item_bias_[order].astype(np.float64), rtol=1e-6
        )

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

    # -- refusals ------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "use",
        [
            lambda model, _: model.predict([1], [1]),
            lambda model, _: model.known([1], [1]),
            lambda model, _: model.recommend([1]),
            lambda model, _: model.similar_items(1),
            lambda model, folder: model.save(folder / "model"),
        ],
    )
    def test_before_fit_it_says_so(self, use, tmp_path):
        with pytest.raises(NotFittedError, match="not fitted") as raised:
            use(self.make(), tmp_path)
        assert is_one_line(raised)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "fraction", [1.5, 1.0, 0.0, -0.1, math.nan, 1, True, 1e-9, np.float32(2)]
    )
    def test_an_unusable_fraction_is_refused(self, ratings, fraction):
        with pytest.raises(ParameterError, match="fraction") as raised:
            self.make().fit(ratings, valid=fraction)
        assert is_one_line(raised)

    @pytest.mark.parametrize("threads", [0, -2])
    def test_an_unusable_number_of_threads_is_refused(self, ratings, threads):
        with pytest.raises(ParameterError, match="num_threads") as raised:
            self.make().fit(ratings, run=RunSettings(num_threads=threads))
        assert is_one_line(raised)

    def test_nothing_to_train_or_validate_on_is_refused(self, ratings):
        nothing = ratings.select(np.zeros((len(ratings) + 7) // 8, np.uint8))
        for parts in ((nothing, None), (ratings, nothing)):
            model = self.make()
            with pytest.raises(DataError, match="no ratings") as raised:
                model.fit(*parts)
            assert is_one_line(raised)
            assert not hasattr(model, "user_factors_")

    def test_a_failed_fit_leaves_the_model_as_it_was(self, ratings):
        model = self.make().fit(ratings, valid=0.1)
        before = learned(model)
        for failing in (
            lambda: model.fit(ratings, valid=1.5),
            lambda: model.fit(ratings.select(np.zeros((len(ratings) + 7) // 8, np.uint8))),
            lambda: model.set_params(epochs=0).fit(ratings),
        ):
            with pytest.raises(FastMFError):
                failing()
        assert learned(model) == before

    @pytest.mark.parametrize("name", bad_tables())
    @pytest.mark.parametrize("valid", [None, 0.3])
    def test_bad_tables_give_finite_numbers_or_one_line(self, name, valid):
        ratings = Ratings.from_arrays(*bad_tables()[name])
        model = self.make()
        try:
            model.fit(ratings, valid)
        except FastMFError as error:
            assert str(error)
            assert "\n" not in str(error)
            assert not hasattr(model, "user_factors_")
            return
        for attribute in LEARNED:
            assert np.isfinite(getattr(model, attribute)).all(), attribute
        assert math.isfinite(model.mean_)
        assert math.isfinite(model.train_rmse_)
        users, items = ratings.users.take([0]), ratings.items.take(np.arange(ratings.n_items))
        low, high = ratings.rating_range
        predicted = model.predict(users, items)
        assert ((predicted >= low) & (predicted <= high)).all()
        assert np.isfinite(model.recommend(users, n=1).scores).all()
        if ratings.n_items > 1:
            assert np.isfinite(model.similar_items(items[0], n=1).scores).all()
        assert np.isfinite(fastmf.evaluate(model, ratings).rmse)

    # -- learning ------------------------------------------------------------------------------

    def test_it_learns_more_than_the_biases(self):
        ratings = planted(12_000, 150, 120, noise=0.2, seed=3)
        train, valid = random_split(ratings, 0.1)
        measured = fastmf.evaluate(self.model_class().fit(train, valid), valid)
        assert measured.rmse < 0.4 * measured.bias_only_rmse
        assert measured.bias_only_rmse < measured.global_mean_rmse

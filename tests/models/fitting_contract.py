"""Fitting: what it leaves, and that it is the same however it is run."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastmf import Ratings, RunSettings, random_split, read_ratings
from tests.models.measures import LEARNED, formula, learned
from tests.models.tables import planted


class FittingContract:
    """Part of `tests.models.contract.ModelContract`."""

    def test_fit_returns_self_with_all_attributes(self, ratings):
        model = self.make()
        train, valid = random_split(ratings, 0.2)
        assert model.fit(train, valid) is model
        n_users, n_items = ratings.n_users, ratings.n_items
        k = model.user_factors_.shape[1]
        shapes = (n_users, k), (n_items, k), (n_users,), (n_items,), (k,), (k,), (2,)
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
        predicted = np.clip(formula(unknown, [-1, -2], [-3, -4]), *unknown.rating_range_)
        expected = np.sqrt(np.mean((predicted - np.array([2.0, 5.0])) ** 2))
        assert predicted == pytest.approx(unknown.mean_, rel=0.1)
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

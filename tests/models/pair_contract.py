"""What every network over pairs must do: the contract of models, and more.

Where the contract speaks of factors and biases, it is said again here for networks.
"""

import numpy as np
import pytest

import fastmf
from fastmf import random_split
from tests.models.contract import ModelContract
from tests.models.measures import formula, learned

SMALL = {
    "factors": 5,
    "epochs": 3,
    "batch_size": 512,
    "learning_rate": 0.02,
    "hidden": (16, 8),
}


class PairContract(ModelContract):
    """The tests; not collected itself, as its name does not begin with Test."""

    small = SMALL

    def test_fit_returns_self_with_all_attributes(self, ratings):
        model = self.make()
        train, valid = random_split(ratings, 0.2)
        assert model.fit(train, valid) is model
        assert model.user_factors_.shape == (ratings.n_users, 5)
        assert model.item_factors_.shape == (ratings.n_items, 5)
        for array in model._saved_arrays().values():
            assert array.dtype == np.float32
            assert np.isfinite(array).all()
        assert (model.users_, model.items_) == (ratings.users, ratings.items)
        assert model.mean_ == pytest.approx(train.value.mean(dtype=np.float64))
        assert model.n_ratings_ == len(train)
        assert set(model.seconds_) == {"prepare", "compile", "train"}
        assert model.epochs_run_ == len(model.history_) == len(model.schedule_["losses"])
        assert 1 <= model.best_epoch_ <= model.epochs_run_
        assert model.stopped_ in {"finished", "patience"}

    def test_those_without_training_ratings_are_as_the_unknown(self, ratings):
        keep = ratings.user_index != 3
        bits = np.packbits(keep, bitorder="little")
        model = self.make().fit(ratings.select(bits))
        items = model.items_.take(np.arange(20))
        unknown = model.predict(-99, items)
        np.testing.assert_array_equal(model.predict(model.users_.take([3])[0], items), unknown)
        assert len(set(unknown.tolist())) > 1

    def test_a_batch_larger_than_the_data_is_all_of_it(self, ratings):
        whole = self.make(batch_size=len(ratings)).fit(ratings)
        larger = self.make(batch_size=10**6).fit(ratings)
        assert learned(whole) == learned(larger)
        assert larger.schedule_["batch_size"] == len(ratings)

    @pytest.mark.parametrize(
        ("given", "units"),
        [([12, 6], (12, 6)), (np.array([12, 6]), (12, 6)), (7, (7,)), (np.int32(7), (7,))],
    )
    def test_lists_arrays_and_numbers_of_units_are_as_good_as_tuples(
        self, ratings, given, units, tmp_path
    ):
        model = self.make(hidden=given).fit(ratings)
        assert learned(model) == learned(self.make(hidden=units).fit(ratings))
        model.save(tmp_path / "model")
        assert fastmf.load_model(tmp_path / "model").hidden == units

    @pytest.mark.parametrize("hidden", [(), (7,), (6, 5, 4)])
    def test_any_number_of_layers_can_be_had(self, ratings, hidden, tmp_path):
        model = self.make(hidden=hidden, batch_norm=True, dropout=0.1, input_dropout=0.1)
        model.fit(ratings, 0.1).save(tmp_path / "model")
        users, items = model.users_.take(np.arange(60)), model.items_.take(np.arange(60))
        predicted = model.predict(users, items)
        expected = np.clip(formula(model, users, items), *model.rating_range_)
        np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-5)
        loaded = fastmf.load_model(tmp_path / "model")
        np.testing.assert_array_equal(loaded.predict(users, items), predicted)

"""What a model refuses, in one line each, and what it is left as."""

import math

import numpy as np
import pytest

import fastmf
from fastmf import Ratings, RunSettings
from fastmf.errors import DataError, FastMFError, NotFittedError, ParameterError
from fastmf.models import MODELS, model_class
from fastmf.models.abilities import PURPOSES
from tests.models.measures import is_one_line, learned, learned_arrays
from tests.models.tables import bad_tables


class RefusingContract:
    """Part of `tests.models.contract.ModelContract`."""

    @pytest.mark.parametrize(
        "use",
        [
            lambda model, _: model.predict([1], [1]),
            lambda model, _: model.known([1], [1]),
            lambda model, _: model.recommend([1]),
            lambda model, _: model.similar_items(1),
            lambda model, _: model.item_vectors(),
            lambda model, _: model.score(([1], [1], [1.0])),
            lambda model, folder: model.save(folder / "model"),
        ],
    )
    def test_before_fit_it_says_so(self, use, tmp_path):
        with pytest.raises(NotFittedError, match="not fitted") as raised:
            use(self.make(), tmp_path)
        assert is_one_line(raised)
        assert not list(tmp_path.iterdir())

    def test_settings_and_tables_of_another_kind_are_refused(self, ratings):
        for wrong in ({"run": 5}, {"items": {"id": [1], "year": [2]}, "run": None}):
            name = next(iter(wrong))
            with pytest.raises(ParameterError, match=f"^{name} is ") as raised:
                self.make().fit(ratings, **wrong)
            assert is_one_line(raised)

    def test_what_only_others_can_do_is_said(self):
        model = self.make()
        for name in PURPOSES:
            able = [kind for kind in MODELS if hasattr(model_class(kind), name)]
            assert hasattr(model, name) == (model.kind in able)
            if model.kind not in able:
                with pytest.raises(ParameterError, match=", ".join(able)) as raised:
                    getattr(model, name)
                assert is_one_line(raised)
        with pytest.raises(AttributeError, match="no attribute 'no_such_thing'"):
            _ = model.no_such_thing

    @pytest.mark.parametrize(
        "fraction", [1.5, 1.0, 0.0, -0.1, math.nan, 1, True, 1e-9, np.float32(2)]
    )
    def test_an_unusable_fraction_is_refused(self, ratings, fraction):
        with pytest.raises(ParameterError, match="fraction") as raised:
            self.make().fit(ratings, valid=fraction)
        assert is_one_line(raised)

    @pytest.mark.parametrize("threads", [0, -2, 1025, 10**6, "2", 2.5, True])
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
        assert all(np.isfinite(array).all() for array in learned_arrays(model))
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

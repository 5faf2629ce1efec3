"""What of a fitted model reaches its file."""

import numpy as np
import pytest

from fastmf import ALS, MLP, AutoRec, BiasedMF, Hybrid, load_model
from tests.models.tables import planted


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (BiasedMF(3, epochs=1), {"factors": 9}),
        (BiasedMF(3, epochs=1), {"epochs": -1, "loss": object()}),
        (ALS(3, epochs=1), {"factors": 9, "solver": "zzz"}),
        (AutoRec(hidden=[4], epochs=1), {"hidden": "abc"}),
        (MLP(3, epochs=1, hidden=[4]), {"optimizer": "zzz", "factors": 9}),
        (Hybrid(3, epochs=1, hidden=(4,)), {"item_features": 7, "hidden": "abc"}),
    ],
)
def test_the_hyperparameters_of_a_file_are_those_of_the_fit(tmp_path, model, changes):
    ratings = planted(100, 12, 15)
    given = model.get_params()
    items = {"item": ratings.items.take(np.arange(15)), "size": range(15)}
    model.fit(ratings, **({"items": items} if isinstance(model, Hybrid) else {}))
    predicted = model.predict(ratings.users.take([0]), ratings.items.take([1]))
    model.set_params(**changes)
    for _ in range(2):  # of a loaded model too
        model.save(tmp_path / "model")
        model = load_model(tmp_path / "model")
        for name, value in given.items():
            assert getattr(model.fitted_parameters_, name) == (
                tuple(value) if isinstance(value, list) else value
            )
        found = model.predict(ratings.users.take([0]), ratings.items.take([1]))
        np.testing.assert_array_equal(found, predicted)
        model.set_params(**changes)


def test_a_list_that_was_given_may_be_changed_afterwards(tmp_path):
    hidden = [4]
    model = MLP(3, epochs=1, hidden=hidden).fit(planted(100, 12, 15))
    hidden.append("abc")
    model.save(tmp_path / "model")
    assert load_model(tmp_path / "model").get_params()["hidden"] == (4,)


def test_a_refused_fit_leaves_the_hyperparameters_of_the_file(tmp_path):
    ratings = planted(100, 12, 15)
    model = ALS(3, epochs=1).fit(ratings)
    with pytest.raises(Exception, match="factors is 9, but warm_start continues from a model of 3"):
        model.set_params(factors=9, warm_start=True).fit(ratings)
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert (loaded.factors, loaded.warm_start) == (3, False)
    model.set_params(factors=3).fit(ratings)
    assert model.fitted_parameters_.warm_start is True

"""What every model must do. A new model's test is three lines::

    class TestNewModel(ModelContract):
        model_class = NewModel
        small = {"factors": 5, "epochs": 3}

where `small` are hyperparameters that train in a blink. A variant of a model has a class of its
own, and names in `variant` the hyperparameters that make it one.
"""

import dataclasses
import inspect
from typing import ClassVar

import pytest
import sklearn.base
import sklearn.exceptions
import sklearn.utils.validation

import fastmf
from fastmf import random_split
from fastmf.errors import DataError, NotFittedError, ParameterError
from fastmf.models import MODELS, model_class
from tests.models.fitting_contract import FittingContract
from tests.models.measures import is_one_line
from tests.models.refusing_contract import RefusingContract
from tests.models.tables import planted
from tests.models.using_contract import UsingContract


class ModelContract(FittingContract, UsingContract, RefusingContract):
    """The tests; not collected itself, as its name does not begin with Test."""

    model_class: ClassVar[type]
    small: ClassVar[dict]
    variant: ClassVar[dict] = {}
    # RMSE with defaults on ratings of low rank, as a part of what biases alone leave.
    learns_to: ClassVar[float] = 0.4

    @classmethod
    def make(cls, **changes):
        return cls.model_class(**(cls.small | cls.variant | changes))

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
        assert model.set_params(**(self.small | self.variant)) is model
        assert model.get_params() == self.make().get_params()
        with pytest.raises(ParameterError, match="no_such_thing") as raised:
            model.set_params(no_such_thing=1)
        assert is_one_line(raised)

    def test_repr_makes_an_equal_model(self):
        made = eval(repr(self.make()), {self.model_class.__name__: self.model_class})
        assert made.get_params() == self.make().get_params()

    def test_scikit_learn_clones_it(self, fitted):
        clone = sklearn.base.clone(fitted)
        assert clone is not fitted
        assert clone.get_params() == fitted.get_params()
        with pytest.raises(NotFittedError):
            clone.predict([1], [1])

    def test_scikit_learn_knows_whether_it_is_fitted(self, fitted):
        sklearn.utils.validation.check_is_fitted(fitted)
        with pytest.raises(sklearn.exceptions.NotFittedError):
            sklearn.utils.validation.check_is_fitted(sklearn.base.clone(fitted))

    def test_its_score_is_the_rmse_negated(self, fitted, ratings):
        if getattr(fitted, "scores_preferences", False):
            with pytest.raises(DataError, match="has no RMSE") as raised:
                fitted.score(ratings)
            assert is_one_line(raised)
            return
        assert fitted.score(ratings) == pytest.approx(-fastmf.evaluate(fitted, ratings).rmse)

    def test_it_learns_more_than_the_biases(self):
        ratings = planted(12_000, 150, 120, noise=0.2, seed=3)
        train, valid = random_split(ratings, 0.1)
        measured = fastmf.evaluate(self.model_class(**self.variant).fit(train, valid), valid)
        assert measured.rmse < self.learns_to * measured.bias_only_rmse
        assert measured.bias_only_rmse < measured.global_mean_rmse

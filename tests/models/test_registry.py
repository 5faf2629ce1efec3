"""Models by name."""

import json

import pytest

from fastmf import BiasedMF, load_model
from fastmf.errors import ModelFileError, ParameterError
from fastmf.models import MODELS, FactorModel, model_class
from tests.models.tables import planted


def test_every_registered_model_can_be_had_by_its_kind():
    for kind in MODELS:
        found = model_class(kind)
        assert found.kind == kind
        assert issubclass(found, FactorModel)
        assert found().get_params()


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"no model 'als'; there are: mf"):
        model_class("als")


def test_a_model_of_a_kind_unknown_here_is_refused(tmp_path, monkeypatch):
    BiasedMF(3, epochs=1).fit(planted(100, 10, 20)).save(tmp_path / "model")
    monkeypatch.setattr("fastmf.models.MODELS", {"als": "nowhere:ALS"})
    with pytest.raises(ModelFileError, match="kind 'mf'.*newer fastmf") as raised:
        load_model(tmp_path / "model")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "damage",
    [
        {"mean": None},
        {"rating_range": [1]},
        {"history": [{"epoch": 1}]},
        {"history": []},
        {"best_epoch": 99},
        {"best_epoch": "x"},
        {"baseline_mean": "x"},
        {"seconds": 3},
    ],
)
def test_a_record_that_does_not_fit_is_one_line(tmp_path, damage):
    from fastmf import model_file

    BiasedMF(3, epochs=1).fit(planted(100, 10, 20)).save(tmp_path / "model")
    file = model_file.load_model_file(tmp_path / "model")
    file.record.update(json.loads(json.dumps(damage)))
    with pytest.raises(ModelFileError, match="record does not fit") as raised:
        BiasedMF.from_file(file)
    assert "\n" not in str(raised.value)

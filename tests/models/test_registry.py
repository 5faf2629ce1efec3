"""Models by name."""

import numpy as np
import pytest

from fastmf import BiasedMF, load_model, model_file
from fastmf.errors import ModelFileError, ParameterError
from fastmf.models import MODELS, RatingModel, model_class
from tests.models.tables import planted


def test_every_registered_model_can_be_had_by_its_kind():
    for kind in MODELS:
        found = model_class(kind)
        assert found.kind == kind
        assert issubclass(found, RatingModel)
        assert found().get_params()


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"no model 'knn'; there are: mf"):
        model_class("knn")


def test_a_model_of_a_kind_unknown_here_is_refused(tmp_path, monkeypatch):
    BiasedMF(3, epochs=1).fit(planted(100, 10, 20)).save(tmp_path / "model")
    monkeypatch.setattr("fastmf.models.MODELS", {"knn": "nowhere:KNN"})
    with pytest.raises(ModelFileError, match=r"kind 'mf'.*newer fastmf") as raised:
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
        {"n_ratings": None},
        {"seconds": 3},
        {"baseline_mean": "x"},
        {"link": "probit"},
        {"offset": None},
        {"source": 5},
        {"source_files": 5},
        {"source_files": [5]},
        {"source_files": [{"path": "a"}]},
        {"source_options": 5},
        {"source_options": {"user_column": 5}},
    ],
)
def test_a_record_that_does_not_fit_is_one_line(tmp_path, damage):
    BiasedMF(3, epochs=1).fit(planted(100, 10, 20)).save(tmp_path / "model")
    file = model_file.load_model_file(tmp_path / "model")
    file.record.update(damage)
    with pytest.raises(ModelFileError, match="record does not fit") as raised:
        BiasedMF.from_file(file)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("user_factors", lambda array: array[1:]),
        ("item_factors", lambda array: array[:, 1:]),
        ("user_factors", lambda array: array.ravel()),
        ("user_bias", lambda array: array[1:]),
        ("item_bias", lambda array: np.r_[array, array]),
        ("baseline_user_bias", lambda array: array[1:]),
        ("baseline_item_bias", lambda array: array.astype(np.float64)),
        ("item_factors", None),
        ("unknown_user_factors", lambda array: array[1:]),
        ("unknown_bias", lambda array: array[:1]),
    ],
)
def test_arrays_that_do_not_match_the_vocabularies_are_refused(tmp_path, name, change):
    BiasedMF(3, epochs=1).fit(planted(100, 10, 20)).save(tmp_path / "model")
    file = model_file.load_model_file(tmp_path / "model")
    arrays = dict(file.arrays)
    old = arrays.pop(name)
    if change is not None:
        arrays[name] = change(old)
    with pytest.raises(ModelFileError, match=name) as raised:
        BiasedMF.from_file(file._replace(arrays=arrays))
    assert "\n" not in str(raised.value)


def test_a_model_file_from_before_links_predicts_as_it_did(tmp_path):
    """Its record has neither link nor offset, and there are no arrays of the unknown."""
    model = BiasedMF(3, epochs=1).fit(planted(100, 10, 20))
    model.save(tmp_path / "model")
    file = model_file.load_model_file(tmp_path / "model")
    record = {key: file.record[key] for key in file.record if key not in ("link", "offset")}
    arrays = {name: array for name, array in file.arrays.items() if "unknown" not in name}
    assert len(arrays) == len(file.arrays) - 3
    old = file._replace(record=record, arrays=arrays)
    loaded = BiasedMF.from_file(old)
    assert (loaded.link_, loaded.offset_) == ("identity", loaded.mean_)
    users, items = [1000, 1013, -9, 1000], [-5, 2, 2, -99]
    np.testing.assert_array_equal(loaded.predict(users, items), model.predict(users, items))


def test_a_model_file_from_before_identities_of_the_source_can_be_read(tmp_path):
    BiasedMF(3, epochs=1).fit(planted(100, 10, 20)).save(tmp_path / "model")
    file = model_file.load_model_file(tmp_path / "model")
    record = {key: value for key, value in file.record.items() if not key.startswith("source_")}
    assert len(record) == len(file.record) - 2
    loaded = BiasedMF.from_file(file._replace(record=record))
    assert (loaded.source_files_, loaded.source_options_) == (None, {})


@pytest.mark.parametrize("forged", [{"factors": "x"}, {"factors": 7}, {"biases": []}])
def test_forged_hyperparameters_are_refused(tmp_path, forged):
    BiasedMF(3, epochs=1).fit(planted(100, 10, 20)).save(tmp_path / "model")
    file = model_file.load_model_file(tmp_path / "model")
    file.hyperparameters.update(forged)
    with pytest.raises(ModelFileError, match="record does not fit"):
        BiasedMF.from_file(file)

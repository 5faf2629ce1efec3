"""Files of networks that vouch for what training never leaves."""

import math

import numpy as np
import pytest

from fastmf import MLP, Classify, Interaction, Multitask, model_file
from fastmf.errors import ModelFileError
from tests.models.tables import planted

OPTIONS = {"factors": 3, "epochs": 1, "hidden": (4,)}
# Neither a number that ratings may have, nor one at all.
NO_NUMBERS = [math.nan, math.inf, 1e300, 10**400, "spread", [1.0], None, True]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return what `load_model_file` reads, by class of model."""
    ratings, found = planted(400, 20, 25), {}
    for kind in (MLP, Classify, Interaction, Multitask):
        folder = tmp_path_factory.mktemp(kind.kind) / "model"
        kind(**OPTIONS).fit(ratings).save(folder)
        found[kind] = model_file.load_model_file(folder)
    return found


def refused(kind, file):
    with pytest.raises(ModelFileError, match="record does not fit its kind") as raised:
        kind.from_file(file)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layer_1_bias", lambda bias: bias[:, None]),
        ("layer_2_bias", lambda bias: bias[0].reshape(())),
        ("layer_1_bias", lambda bias: bias[1:]),
        ("layer_1_weights", lambda weights: weights[:, :, None]),
        ("layer_2_weights", lambda weights: weights.ravel()),
        ("layer_1_weights", lambda weights: weights.astype(np.float64)),
    ],
)
def test_layers_of_another_shape_or_type_are_refused(files, name, change):
    arrays = dict(files[MLP].arrays)
    arrays[name] = change(arrays[name])
    refused(MLP, files[MLP]._replace(arrays=arrays))


def test_factors_of_different_lengths_are_refused(files):
    arrays = dict(files[MLP].arrays)
    for name in ("item_factors", "unknown_item_factors"):
        arrays[name] = np.ascontiguousarray(arrays[name][:, 1:])
    arrays["layer_1_weights"] = arrays["layer_1_weights"][1:]
    refused(MLP, files[MLP]._replace(arrays=arrays))


@pytest.mark.parametrize(
    ("kind", "within", "name", "value"),
    [
        *((MLP, None, name, value) for name in ("mean", "spread", "top") for value in NO_NUMBERS),
        *((MLP, None, "spread", value) for value in (0, -1.0)),
        (MLP, None, "top", -1e9),
        (MLP, None, "output", "cubic"),
        (MLP, None, "output", ["linear"]),
        (MLP, None, "loss_name", "zzz"),
        (MLP, None, "loss_name", []),
        *((Classify, None, "spread", value) for value in (0, -1.0, math.nan, 1e300)),
        *((Classify, None, "levels", levels) for levels in ([], [2, 1], [1, math.nan], [1e300])),
        (Classify, None, "predict", "median"),
        *((Interaction, None, "share", value) for value in (-0.1, 1.1, math.nan)),
        *((Interaction, None, "threshold", value) for value in (math.nan, 1e300)),
        *((Multitask, "rating", "spread", value) for value in NO_NUMBERS),
        (Multitask, "like", "share", 2.0),
        *((Multitask, None, "like_weight", value) for value in (-1.0, math.nan)),
    ],
)
def test_objectives_that_no_training_has_are_refused(files, kind, within, name, value):
    file = files[kind]
    objective = file.record["objective"]
    changed = (objective if within is None else objective[within]) | {name: value}
    objective = changed if within is None else objective | {within: changed}
    refused(kind, file._replace(record=file.record | {"objective": objective}))


def test_the_files_themselves_load(files):
    for kind, file in files.items():
        model = kind.from_file(file)
        assert np.isfinite(model.predict(file.users.take([0]), file.items.take([0]))).all()

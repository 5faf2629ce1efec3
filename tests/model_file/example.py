"""A small model for the tests of its file."""

import json

import numpy as np

from fastmf.data.vocabulary import Vocabulary


def make_parts(seed=0, n_users=30, n_items=20, k=5):
    rng = np.random.default_rng(seed)
    return {
        "kind": "mf",
        "hyperparameters": {"factors": k, "learning_rate": np.float32(0.1), "random_state": None},
        "arrays": {
            "user_factors": rng.normal(size=(n_users, k)).astype(np.float32),
            "item_factors": rng.normal(size=(n_items, k)).astype(np.float32),
            "user_bias": rng.normal(size=n_users).astype(np.float32),
            "item_bias": rng.normal(size=n_items).astype(np.float32),
        },
        "users": Vocabulary.from_ids(np.arange(n_users) * 7 - 3),
        "items": Vocabulary.from_ids([f"fílm {i}" for i in range(n_items)]),
        "record": {"mean": 3.5, "history": [{"epoch": 1, "valid_rmse": np.float64(0.9)}]},
    }


def assert_equal_models(model, parts):
    assert model.kind == parts["kind"]
    assert model.hyperparameters == json.loads(json.dumps(parts["hyperparameters"], default=float))
    assert model.record == json.loads(json.dumps(parts["record"], default=float))
    assert model.users == parts["users"]
    assert model.items == parts["items"]
    assert model.arrays.keys() == parts["arrays"].keys()
    for name, array in parts["arrays"].items():
        assert model.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(model.arrays[name], array)

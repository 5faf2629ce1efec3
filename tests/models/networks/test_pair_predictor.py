"""Predictions from the halves of the first layer, against the network itself."""

import numpy as np
import pytest

from fastmf.blas import one_blas_thread
from fastmf.models.networks.pair_predictor import TILE, DotTerms, PairPredictor, prediction_layers
from fastmf.nn import Tape, dense_stack

SHARES = np.array([1.0, -0.5], np.float32)


def stack(rng, n_inputs, **options):
    trunk = dense_stack(n_inputs, (24, 12), generator=rng, n_outputs=2, **options)
    for one in (*trunk.parameters, *trunk.statistics):
        one.value[...] = np.abs(one.value) * rng.normal(1, 0.2, one.value.shape) + 0.1
    return trunk


def predictor(rng, *, n_users=30, n_items=TILE + 70, dot=False, **options):
    users = rng.normal(size=(n_users + 1, 5)).astype(np.float32)
    items = rng.normal(size=(n_items + 1, 7)).astype(np.float32)
    trunk = stack(rng, 12, **options)
    terms = None
    if dot:
        biases = [rng.normal(size=n).astype(np.float32) for n in (n_users + 1, n_items + 1)]
        terms = DotTerms(users, np.ascontiguousarray(items[:, :5]), *biases, SHARES)
    return users, items, trunk, PairPredictor(users, items, prediction_layers(trunk), terms)


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_norm": True}, {"activation": "selu", "dropout": 0.5}, {"activation": "sigmoid"}],
)
@pytest.mark.parametrize("dot", [False, True])
def test_outputs_are_those_of_the_layers(options, dot):
    rng = np.random.default_rng(0)
    users, items, trunk, found = predictor(rng, dot=dot, **options)
    user, item = rng.integers(-1, 30, 1300), rng.integers(-1, TILE + 70, 1300)
    x = np.hstack([users[user], items[item]])
    expected = trunk.forward(x, Tape(slice(0, 1300), 1300, training=False)).copy()
    if dot:
        terms = found._dot
        products = np.einsum("ij,ij->i", users[user], terms.item_factors[item])
        score = products + terms.user_bias[user] + terms.item_bias[item]
        expected += np.outer(score, SHARES)
    outputs = found.outputs(user.astype(np.int32), item.astype(np.int32))
    np.testing.assert_allclose(outputs, expected, rtol=2e-4, atol=2e-4)


def test_halves_of_many_users_are_made_when_asked_for(monkeypatch):
    _, _, _, kept = predictor(np.random.default_rng(4))
    monkeypatch.setattr("fastmf.models.networks.pair_predictor._MOST_KEPT", 100)
    _, _, _, made = predictor(np.random.default_rng(4))
    assert made._user_half is None
    user, item = np.array([3, -1, 3], np.int32), np.array([5, 7, -1], np.int32)
    np.testing.assert_allclose(made.outputs(user, item), kept.outputs(user, item), rtol=1e-5)
    with one_blas_thread():
        of_user = made.all_items(3)
    np.testing.assert_array_equal(of_user[5], made.outputs(user[:1], item[:1])[0])


def test_no_hidden_layer_is_a_sum_of_halves():
    rng = np.random.default_rng(1)
    users, items = (rng.normal(size=(n, 4)).astype(np.float32) for n in (6, 9))
    trunk = dense_stack(8, (), generator=rng)
    found = PairPredictor(users, items, prediction_layers(trunk)).all_items(2)
    (dense,) = trunk.layers
    expected = users[2] @ dense.weights.value[:4] + items[:-1] @ dense.weights.value[4:]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dot", [False, True])
def test_a_pair_has_the_same_bits_alone_and_in_any_company(dot):
    rng = np.random.default_rng(2)
    _, _, _, found = predictor(rng, dot=dot)
    user = rng.integers(-1, 30, 1100).astype(np.int32)
    item = rng.integers(-1, TILE + 70, 1100).astype(np.int32)
    together = found.outputs(user, item)
    for k in (0, 1, 511, 512, 513, 1099):
        assert found.outputs(user[k : k + 1], item[k : k + 1]).tobytes() == together[k].tobytes()
    assert found.outputs(user[7:], item[7:]).tobytes() == together[7:].tobytes()


@pytest.mark.parametrize("dot", [False, True])
def test_all_items_of_a_user_are_their_pairs(dot):
    _, _, _, found = predictor(np.random.default_rng(3), dot=dot)
    items = np.arange(found.n_items, dtype=np.int32)
    for user in (0, 7, -1):
        with one_blas_thread():
            outputs = found.all_items(user)
        pairs = found.outputs(np.full(found.n_items, user, np.int32), items)
        np.testing.assert_array_equal(outputs, pairs)

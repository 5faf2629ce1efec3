"""Dot products of embeddings trained as networks: the contract of models, and what each one is."""

from typing import ClassVar

import numpy as np
import pytest

from fastmf import random_split
from fastmf.models.dot import BCEDot, BiasDot, Dot, ScaledDot
from tests.models.contract import ModelContract
from tests.models.sibling_contract import SiblingContract
from tests.models.tables import planted

SMALL = {"factors": 5, "epochs": 3, "batch_size": 512, "learning_rate": 0.02}


class TestDot(SiblingContract):
    model_class = Dot
    small = SMALL


class TestBiasDot(ModelContract):
    model_class = BiasDot
    small = SMALL


class TestLinearBiasDot(SiblingContract):
    model_class = BiasDot
    small = SMALL
    variant: ClassVar[dict] = {
        "output": "linear",
        "loss": "mae",
        "optimizer": "adagrad",
        "clip_norm": 0.5,
        "learning_rate": 0.05,
    }


class TestScaledDot(SiblingContract):
    model_class = ScaledDot
    small = SMALL


class TestBCEDot(SiblingContract):
    model_class = BCEDot
    small = SMALL


@pytest.mark.parametrize("model_class", [Dot, BiasDot, ScaledDot, BCEDot])
def test_a_person_is_folded_in_from_a_few_ratings(model_class):
    ratings = planted(12_000, 150, 120, noise=0.2, seed=3)
    known = ratings.user_index >= 20
    model = model_class(8, learning_rate=0.01, batch_size=128)
    model.fit(ratings.select(np.packbits(known, bitorder="little")))
    new = ratings.select(np.packbits(~known, bitorder="little"))
    given, rest = random_split(new, 0.3)
    users, items = rest.users.take(rest.user_index), rest.items.take(rest.item_index)
    columns = given.users.take(given.user_index), given.items.take(given.item_index), given.value
    people = model.fold_in_users(columns)
    before, after = (
        np.sqrt(np.mean((one.predict(users, items) - rest.value) ** 2)) for one in (model, people)
    )
    assert after < 0.75 * before


def test_a_scaled_dot_has_its_biases_in_the_factors(ratings):
    model = ScaledDot(**SMALL).fit(ratings)
    assert not model.user_bias_.any()
    assert not model.item_bias_.any()
    assert model.link_ == "identity"
    assert model.offset_ != model.mean_

"""Ratings, and a fitted model of each class of contract tests."""

import pytest

from fastmf import RunSettings
from tests.models.tables import planted

# Failing assertions of the contract show their values, as those of test modules do.
pytest.register_assert_rewrite(
    "tests.models.contract",
    "tests.models.fitting_contract",
    "tests.models.pair_contract",
    "tests.models.refusing_contract",
    "tests.models.using_contract",
)


@pytest.fixture(scope="session")
def ratings():
    return planted()


@pytest.fixture(scope="class")
def fitted(request, ratings):
    """Return a model of the class whose contract is tested; not to be fitted again."""
    return request.cls.make().fit(ratings, valid=0.1, run=RunSettings(num_threads=2))

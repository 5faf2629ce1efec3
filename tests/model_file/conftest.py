"""What the tests of the model file share."""

import pytest

from fastmf.model_file import save_model
from tests.model_file.example import make_parts


@pytest.fixture
def saved(tmp_path):
    parts = make_parts()
    save_model(tmp_path / "model", **parts)
    return tmp_path / "model", parts

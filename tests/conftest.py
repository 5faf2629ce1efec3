"""What every test may ask for."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of published ratings, which the project does not carry."""
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("FASTMF_TEST_DATA", default))
    # Their licences forbid to hand them on, so a clone alone has none; what must hold everywhere is
    # tested on generated ratings as well.
    if not folder.is_dir():
        pytest.skip(f"no real ratings in {folder}; set FASTMF_TEST_DATA to the folder of them")
    return folder


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory, monkeypatch):
    """Keep every test's stores away from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FASTMF_CACHE_DIR", str(folder))
    return folder

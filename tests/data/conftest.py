import pytest


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory, monkeypatch):
    """Keep every test's stores away from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FASTMF_CACHE_DIR", str(folder))
    return folder

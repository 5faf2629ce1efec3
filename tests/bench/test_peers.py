import dataclasses
import importlib.util

import pytest

from bench.dataset import random_split
from bench.harness import Progress
from bench.peers import ModulePeer, installed_versions, python_peers, reason_to_skip
from bench.process import BenchError

PEERS = {peer.name: peer for peer in python_peers()}


@pytest.fixture
def split(ratings_file, tmp_path):
    return random_split(ratings_file, tmp_path / "cache", Progress(quiet=True), fraction=0.1)


@pytest.mark.parametrize("name", PEERS)
def test_peer_trains_and_scores_near_the_spread_of_the_ratings(name, split):
    peer = PEERS[name]
    # Not in the test extra: both are compiled when installed, and fastmf needs no compiler. The
    # parts that can be checked without them are checked below and by stand-ins.
    if importlib.util.find_spec(peer.import_name) is None:
        pytest.skip(f"{peer.package} is not installed")
    run = peer.fit(split, factors=4, threads=1, seed=0, settings=peer.grid[0])
    assert run.iterations == peer.grid[0]["iterations"]
    assert 0 < run.iteration_seconds <= run.train_seconds
    # ratings by chance, uniform over 0.5..5: their standard deviation is 1.44
    assert 1.2 < run.rmse < 1.9
    assert run.peak_rss_bytes > 10_000_000


def test_reasons_to_skip(split):
    peer = PEERS["Surprise SVD"]
    absent = dataclasses.replace(peer, import_name="no_such_library")
    assert reason_to_skip(absent, split, 1) == "not installed (pip install scikit-surprise)"
    here = dataclasses.replace(peer, import_name="json")
    assert reason_to_skip(here, split, 1) is None
    assert reason_to_skip(here, split, 2) == "it has 1 thread only"
    huge = dataclasses.replace(split, n_train=1_000_001)
    said = reason_to_skip(here, huge, 1)
    assert said == "1,000,001 ratings are above its cap of 1,000,000 here"


def test_a_failing_adapter_is_said_in_a_line(split):
    peer = ModulePeer("Broken", "none", "json", "bench.peers.no_such_module", ({},), 10, 1)
    with pytest.raises(BenchError, match="No module named"):
        peer.fit(split, factors=4, threads=1, seed=0, settings={})


def test_versions_of_installed_peers_only():
    absent = dataclasses.replace(PEERS["Surprise SVD"], package="no-such-distribution")
    present = dataclasses.replace(absent, package="numpy")
    assert installed_versions([absent, present, present]) == ("numpy",)

"""The case of alternating least squares with stand-ins for fastmf and its peers."""

import importlib.util
import json

import pytest
from click.testing import CliRunner

from bench import als
from bench.__main__ import main
from bench.dataset import random_split
from bench.harness import Progress
from bench.peers import ModulePeer, PeerRun
from fastmf.models.implicit_als import ImplicitALS


@pytest.fixture
def run_als(fake_fastmf, ratings_file, tmp_path):
    def run(*arguments: object):
        common = ["--fastmf", fake_fastmf, "--cache", tmp_path / "cache", "--out", tmp_path / "out"]
        everything = ["als", "--data", ratings_file, *common, *arguments]
        result = CliRunner().invoke(main, [str(argument) for argument in everything])
        assert result.exit_code == 0, result.output
        (path,) = (tmp_path / "out").glob("*.json")
        return json.loads(path.read_text()), result.stdout

    return run


def absent(name):
    peer = ModulePeer(name, "no-such-distribution", "no_such_library", "none", ({},), 10**9, 8)
    return [(peer, {})]


def test_by_factors_beside_sgemm(run_als, monkeypatch):
    monkeypatch.setattr(als, "sgemm_peak", lambda threads: 50.0 * threads)
    record, text = run_als("--rounds", 0, "--by-factors", 16, "--by-factors", 64)
    figures = record["figures"]["factors"]
    assert figures["sgemm_gmac_per_second"] == 100
    n = int(record["settings"]["data"].split(": ")[1].split(" ")[0].replace(",", ""))
    # The stand-in takes a millisecond for each factor and thread.
    assert figures["64"]["gmac_per_second"] == pytest.approx(n * 65 * 68 / 0.032 / 1e9, rel=1e-3)
    assert figures["64"]["of_sgemm"] == pytest.approx(figures["64"]["gmac_per_second"] / 100)
    assert figures["64"]["cg_seconds"] == pytest.approx(0.032)
    assert figures["64"]["block_seconds"] == pytest.approx(0.032)
    assert figures["64"]["valid_rmse"] == pytest.approx([0.85, 0.85, 0.85])
    assert "By factors; sgemm 100.0 GMAC/s" in text


def test_peers_that_are_missing_are_said(run_als, monkeypatch, fastmf_log):
    monkeypatch.setattr(als, "explicit_peers", lambda: absent("cmfrec CG"))
    monkeypatch.setattr(als, "sgemm_peak", lambda threads: 50.0)
    record, _ = run_als("--rounds", 2, "--no-implicit", "--by-factors", 8, "--iterations", 4)
    assert record["skipped"]["cmfrec CG"] == "not installed (pip install no-such-distribution)"
    ours = record["figures"]["explicit"]["fastmf CG"]
    assert ours["times_fastmf_cg"] == ours["times_fastmf_cholesky"] == [1, 1]
    # The stand-in's RMSE falls by 0.05 an epoch.
    assert ours["error"] == pytest.approx([0.8, 0.8])
    calls = [json.loads(line)["given"] for line in fastmf_log.read_text().splitlines()]
    assert {call["--model"] for call in calls} == {"als"}
    assert [call.get("--solver") for call in calls] == [
        None,
        *["cholesky", "cg"] * 3,
        "block",
    ]


def test_peers_run_in_turn_and_ratios_are_taken_by_round(run_als, monkeypatch):
    seconds = iter([3.2, 6.4])

    class Peer(ModulePeer):
        def unavailable(self):
            return None

        def fit(self, split, *, factors, threads, seed, settings):
            assert settings == {"iterations": 5, "regularization": 10.0, "own": 1}
            took = next(seconds)
            return PeerRun(5, took, 5 * took, 0.9, 2**20)

    peer = Peer("peer", "numpy", "numpy", "none", ({},), 10**9, 8)
    monkeypatch.setattr(als, "explicit_peers", lambda: [(peer, {"own": 1})])
    monkeypatch.setattr(als, "sgemm_peak", lambda threads: 50.0)
    record, _ = run_als(
        "--rounds", 2, "--no-implicit", "--by-factors", 8, "--factors", 64, "--threads", 2
    )
    assert record["figures"]["explicit"]["peer"]["times_fastmf_cg"] == pytest.approx([100, 200])


@pytest.mark.parametrize("peer", als.implicit_peers(), ids=lambda peer: peer[0].name)
def test_implicit_trains_and_tells_its_loss(peer, ratings_file, tmp_path):
    peer, own = peer
    # Not in the test extra: a peer to measure against, which fastmf itself never imports. Our own
    # loss is held against its formula in tests/models.
    if importlib.util.find_spec(peer.import_name) is None:
        pytest.skip(f"{peer.package} is not installed")
    split = random_split(ratings_file, tmp_path / "cache", Progress(quiet=True), fraction=0.1)
    settings = {"iterations": 4, "regularization": 0.01, "alpha": 1.0, **own}
    run = peer.fit(split, factors=4, threads=1, seed=0, settings=settings)
    assert run.iterations == 4
    options = {"solver": "cg" if own["conjugate_gradient"] else "cholesky", "epochs": 4}
    ours = ImplicitALS(4, regularization=0.01, alpha=1.0, **options).fit(split.train).train_rmse_
    # The same start and the same loss, over the same pairs. With conjugate gradients both are on
    # their way to the same place, but implicit without a preconditioner.
    assert run.rmse == pytest.approx(ours, rel=0.05 if own["conjugate_gradient"] else 1e-4)
    assert run.train_seconds > run.iteration_seconds > 0


def test_sgemm_is_measured():
    assert als.sgemm_peak(1) > 0.1


def test_threads_run_in_turn_and_the_first_is_the_base(run_als, monkeypatch, fastmf_log):
    monkeypatch.setattr(als, "sgemm_peak", lambda threads: 50.0)
    record, text = run_als(
        "--rounds", 0, "--by-factors", 8, "--by-threads", 1, "--by-threads", 2, "--factors", 32
    )
    assert record["figures"]["threads"]["2"]["times_as_fast"] == pytest.approx([2])
    assert record["figures"]["threads"]["1"]["times_as_fast"] == [1]
    assert "By threads; 32 factors" in text
    calls = [json.loads(line)["given"] for line in fastmf_log.read_text().splitlines()]
    assert [call["--threads"] for call in calls[-2:]] == ["1", "2"]


# cmfrec is not in the test extra: it is compiled when installed, and fastmf needs no compiler. What
# a bench makes of its times is checked by stand-ins.
@pytest.mark.skipif(importlib.util.find_spec("cmfrec") is None, reason="cmfrec is not installed")
def test_cmfrec_is_timed_iteration_by_iteration(ratings_file, tmp_path):
    split = random_split(ratings_file, tmp_path, Progress(quiet=True), fraction=0.2)
    for peer, own in als.explicit_peers():
        settings = {"iterations": 3, "regularization": 10.0, **own}
        run = peer.fit(split, factors=4, threads=1, seed=0, settings=settings)
        assert 0 < 3 * run.iteration_seconds < 2 * run.train_seconds
        assert run.iterations == 3
        assert 0 < run.rmse < 2

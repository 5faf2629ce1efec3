"""The case of deep models with stand-ins for fastmf and PyTorch, and the clocks on kernels."""

import json
import threading
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

from bench import mlp, mlp_stream
from bench.__main__ import main
from bench.dataset import random_split
from bench.harness import Progress
from bench.mlp_layers import NETWORKS, layer_options
from bench.mlp_profile import (
    GEMM,
    REST,
    Clocks,
    ProfiledRun,
    as_table,
    clocks_on_kernels,
    purpose_of,
    sgemm_peak,
)
from bench.peers import ModulePeer, PeerRun
from fastmf.kernels import row_errors
from fastmf.kernels.networks import dense_steps, embedding_rows
from fastmf.models import biased_mf


@pytest.fixture
def run_mlp(fake_fastmf, tmp_path):
    def run(*arguments: object):
        common = ["--fastmf", fake_fastmf, "--cache", tmp_path / "cache", "--out", tmp_path / "out"]
        result = CliRunner().invoke(main, [str(one) for one in ("mlp", *common, *arguments)])
        assert result.exit_code == 0, result.output
        (path,) = (tmp_path / "out").glob("*.json")
        return json.loads(path.read_text()), result.stdout

    return run


class StandIn(ModulePeer):
    """PyTorch that needs an iteration of seconds by its variant and round."""

    seconds: ClassVar[dict[str, list[float]]]
    settings: ClassVar[list[dict]]

    def unavailable(self):
        return None

    def fit(self, split, *, factors, threads, seed, settings):
        self.settings.append({"factors": factors, "threads": threads, **settings})
        took = self.seconds[settings["variant"]].pop(0)
        return PeerRun(1, took, took, 0.9, 2**20)


def test_the_best_of_each_round_counts(run_mlp, ratings_file, monkeypatch, fastmf_log):
    # The stand-in for fastmf takes 32 ms an epoch with 50 factors and 2 threads.
    StandIn.seconds = {"plain": [0.32, 0.64], "fused": [0.096, 0.128], "sparse": [0.128, 0.064]}
    StandIn.settings = []
    monkeypatch.setattr(
        mlp, "torch_peer", lambda variant: StandIn(variant, "numpy", "x", "x", ({},), 10**9, 8)
    )
    record, text = run_mlp(
        *("--data", ratings_file, "--model", "residual", "--batch-size", 100),
        *("--rounds", 2, "--no-profile"),
    )
    found = record["figures"]["comparisons"]["residual 100"]
    assert found["times_best"] == pytest.approx([3, 2])
    n_train = int(record["settings"]["data"].split(": ")[1].split(" ")[0])
    assert found["ratings_per_second"]["fastmf"] == pytest.approx([n_train / 0.032] * 2)
    assert "| residual | 100 |" in text
    assert "2.50 (2.00-3.00)" in text
    assert {one["variant"] for one in StandIn.settings} == {"plain", "fused", "sparse"}
    for settings in StandIn.settings:
        assert settings["hidden"] == (512, 128)
        assert settings["batch_norm"] is True
        assert (settings["factors"], settings["threads"], settings["batch_size"]) == (50, 2, 100)
    calls = [json.loads(line)["given"] for line in fastmf_log.read_text().splitlines()]
    assert {call["--hidden"] for call in calls} == {"512,128"}
    assert {call["--model"] for call in calls} == {"residual"}
    assert [call["--batch-size"] for call in calls] == ["100"] * 3


def test_a_missing_pytorch_is_said(run_mlp, ratings_file, monkeypatch):
    absent = ModulePeer("PyTorch", "no-such-package", "no_such_library", "x", ({},), 10**9, 8)
    monkeypatch.setattr(mlp, "torch_peer", lambda variant: absent)
    record, text = run_mlp(
        *("--data", ratings_file, "--model", "mlp", "--batch-size", 100),
        *("--rounds", 1, "--no-profile"),
    )
    assert record["skipped"] == {"PyTorch": "not installed (pip install no-such-package)"}
    assert "| skipped | skipped | skipped | not run |" in text


def test_one_epoch_of_a_large_file(run_mlp, ratings_file, fastmf_log):
    record, text = run_mlp("--stream", ratings_file)
    assert record["case"] == "mlp_stream"
    assert record["figures"]["n_ratings"] == 1000
    assert record["figures"]["ratings_per_second"] == pytest.approx(1000 / 0.032)
    assert record["figures"]["peak_rss_bytes"] > 1e6
    (call,) = [json.loads(line)["given"] for line in fastmf_log.read_text().splitlines()]
    assert call["--epochs"] == "1"
    assert call["--hidden"] == "100,50"
    assert "0.03 million" in text


def test_layers_and_their_products():
    assert NETWORKS["mlp"].multiplications == 3 * (100 * 100 + 100 * 50 + 50)
    assert NETWORKS["residual"].multiplications == 3 * (100 * 512 + 512 * 128 + 128)
    assert {"--batch-norm", "--biased-dot"}.isdisjoint(layer_options("mlp"))
    assert {"--batch-norm", "--biased-dot"} <= set(layer_options("residual"))
    assert mlp_stream.FACTORS == 50


def test_clocks_add_up_over_threads():
    clocks = Clocks()
    wait = clocks.timed(threading.Event().wait, "wait")
    threads = [threading.Thread(target=wait, args=(0.02,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.04 <= clocks.seconds()["wait"] < 1
    clocks.clear()
    assert clocks.seconds() == {}


def test_clocks_are_put_on_kernels_and_taken_off():
    clocks = Clocks()
    kernels = {name: value for name, value in vars(biased_mf).items() if hasattr(value, "py_func")}
    matmul = np.matmul
    with clocks_on_kernels(clocks):
        np.matmul(np.ones((50, 50)), np.ones((50, 50)))
        for name, value in kernels.items():
            assert getattr(biased_mf, name) is not value
    assert np.matmul is matmul
    assert all(getattr(biased_mf, name) is value for name, value in kernels.items())
    assert clocks.seconds()[GEMM] > 0


def test_purposes_of_kernels():
    assert purpose_of(embedding_rows.gather) == "gather rows"
    assert purpose_of(dense_steps.adam_step) == "step of layers"
    assert purpose_of(dense_steps.sum_shards) == "sum gradients of layers"
    assert purpose_of(row_errors.pair_errors).startswith("row_errors.")


def test_products_of_several_threads_are_measured():
    assert sgemm_peak(1) > 0.1


def test_the_rest_is_what_no_clock_saw():
    run = ProfiledRun(1_000_000, 2, 3.0, {GEMM: 4.0, "sorting": 1.0})
    nanoseconds = run.nanoseconds()
    assert nanoseconds == {GEMM: 4000, "sorting": 1000, REST: 1000}
    # 10,000 products for each of a million ratings in two seconds of wall time
    assert run.gmac_per_second(10_000) == pytest.approx(5)
    text = as_table("mlp", {64: run}, 10_000, 10.0).markdown()
    assert f"| {GEMM} | 4,000 (67%) |" in text
    assert "| GMAC/s in gemm | 5 (50% of sgemm) |" in text
    assert "| thousand ratings a second | 333 |" in text


@pytest.mark.usefixtures("pytorch")
@pytest.mark.parametrize("variant", mlp.VARIANTS)
def test_pytorch_trains(variant, ratings_file, tmp_path):
    split = random_split(ratings_file, tmp_path / "cache", Progress(quiet=True), fraction=0.1)
    settings = {
        "model": "residual",
        "variant": variant,
        "hidden": (8, 4),
        "dropout": 0.1,
        "batch_norm": True,
        "batch_size": 50,
        "learning_rate": 0.001,
        "seconds": 0.2,
    }
    run = mlp.torch_peer(variant).fit(split, factors=4, threads=1, seed=0, settings=settings)
    # Ratings by chance, uniform over 0.5..5: their standard deviation is 1.44.
    assert 1.2 < run.rmse < 2.5
    assert run.iterations > 5
    assert run.iteration_seconds > 0

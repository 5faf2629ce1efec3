import sys

import numpy as np
import pytest

from bench.dataset import random_split
from bench.harness import Progress
from bench.peers.libmf import Libmf, clipped_rmse, name_builds, parse_timing, read_model
from bench.peers.triples import read_triples
from bench.process import BenchError, StampedLine, Watched

# what mf-train prints: the legend, then one line an iteration
TABLE = [
    (0.2088, "iter      tr_rmse      va_rmse          obj"),
    (0.2348, "   0       1.0760       0.9314   1.3781e+06"),
    (0.2687, "   1       0.9198       0.9060   1.1052e+06"),
    (0.3019, "   2       0.8800       0.8783   1.0589e+06"),
]


def watched(lines, last_open=0.1088):
    stamped = tuple(StampedLine(*line) for line in lines)
    return Watched(stamped, last_open, wall_seconds=0.75, peak_rss_bytes=1000)


@pytest.fixture
def split(ratings_file, tmp_path):
    return random_split(ratings_file, tmp_path / "cache", Progress(quiet=True), fraction=0.1)


def test_phases_come_from_the_stamps():
    timing = parse_timing(watched(TABLE), iterations=3, validate=True)
    assert timing.read_seconds == 0.1088
    assert timing.setup_seconds == pytest.approx(0.1)
    assert timing.iteration_seconds == pytest.approx((0.026, 0.0339, 0.0332))
    assert timing.steady_iteration_seconds == pytest.approx((0.0339 + 0.0332) / 2)
    assert timing.train_seconds == pytest.approx(0.1 + 0.3019 - 0.2088)
    assert timing.rmse == 0.8783
    assert timing.wall_seconds == 0.75


def test_setup_counts_as_reading_where_the_end_of_reading_is_unknown():
    timing = parse_timing(watched(TABLE, last_open=None), iterations=3, validate=True)
    assert timing.read_seconds == 0.2088
    assert timing.setup_seconds == 0


def test_warnings_before_the_table_are_passed_over():
    warning = (0.2, "Warning: insufficient blocks may slow down the training")
    assert parse_timing(watched([warning, *TABLE]), iterations=3, validate=True).rmse == 0.8783


@pytest.mark.parametrize(
    ("lines", "iterations", "validate", "message"),
    [
        (TABLE, 4, True, "no table of 4 iterations"),
        (TABLE, 3, False, "no table of 3 iterations"),
        ([(0.1, "cannot open file")], 3, True, "last: cannot open file"),
        ([], 3, True, "last: nothing"),
    ],
)
def test_another_output_is_refused(lines, iterations, validate, message):
    with pytest.raises(BenchError, match=message):
        parse_timing(watched(lines), iterations=iterations, validate=validate)


def test_a_run_is_timed_phase_by_phase(fake_libmf, split, tmp_path):
    build = Libmf(fake_libmf("libmf"))
    timing = build.train(
        split,
        tmp_path / "model",
        factors=4,
        threads=1,
        iterations=5,
        regularization=0.05,
        validate=True,
    )
    assert timing.rmse == 0.80
    assert len(timing.iteration_seconds) == 5
    assert 0.019 <= timing.steady_iteration_seconds < 1.0
    if sys.platform.startswith("linux"):
        assert timing.read_seconds >= 0.14
        assert 0.09 <= timing.setup_seconds < 1.0
    assert timing.wall_seconds > timing.read_seconds + timing.train_seconds


def test_model_is_read_and_scored_with_clipping(fake_libmf, split, tmp_path):
    build, model = Libmf(fake_libmf("libmf")), tmp_path / "model"
    build.train(
        split, model, factors=3, threads=1, iterations=1, regularization=0.05, validate=False
    )
    mean, user_factors, item_factors = read_model(model)
    assert mean == 3
    assert user_factors.shape == (40, 3)
    assert item_factors.shape == (50, 3)
    assert np.isnan(user_factors[0]).all()
    np.testing.assert_array_equal(user_factors[1], [2, 0, 0])
    valid = read_triples(split.valid_text)
    predicted = np.where(valid.user_index == 0, 3.0, 2.0)
    expected = np.sqrt(np.mean((predicted - valid.value) ** 2))
    assert clipped_rmse(model, split) == pytest.approx(expected, abs=1e-7)
    run = build.fit(
        split, factors=3, threads=1, seed=0, settings={"iterations": 2, "regularization": 0.05}
    )
    assert run.rmse == pytest.approx(expected, abs=1e-7)
    assert run.iterations == 2


def test_builds_are_named_by_their_folders(tmp_path):
    paths = [tmp_path / "sse" / "mf-train", tmp_path / "avx" / "mf-train"]
    again = tmp_path / "other" / "avx" / "mf-train"
    assert [build.name for build in name_builds([*paths, again])] == ["sse", "avx", "avx 2"]


def test_missing_build_says_so(tmp_path):
    assert "there is no mf-train" in str(Libmf(tmp_path / "mf-train").unavailable())
    (tmp_path / "mf-train").write_text("")
    assert "not executable" in str(Libmf(tmp_path / "mf-train").unavailable())


def test_its_own_complaint_is_passed_on(fake_libmf, split, tmp_path):
    with pytest.raises(BenchError, match="regularization coefficient should be a number"):
        Libmf(fake_libmf("libmf")).train(
            split,
            tmp_path / "model",
            factors=4,
            threads=1,
            iterations=1,
            regularization=0.02,
            validate=False,
        )

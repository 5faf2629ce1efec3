"""A small table of ratings on disk, and ways to run the command line on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fastmf.cli import fastmf

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(workplace):
    """Run a command in this process; what it printed and how it ended."""

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(fastmf, [str(argument) for argument in arguments])
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def run_json(run):
    """Run a command with --json and return the object it printed."""
    return lambda *arguments, **how: json.loads(run(*arguments, "--json", **how).stdout)


@pytest.fixture
def start(workplace):
    """Start a command in a process of its own; ``script`` is code to run in its place."""
    processes = []

    def popen(*arguments, script=None):
        code = ["-m", "fastmf"] if script is None else ["-c", script]
        process = subprocess.Popen(
            [sys.executable, *code, *(str(argument) for argument in arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        processes.append(process)
        return process

    yield popen
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def planted_rows(n_users=120, n_items=60, seed=0):
    """Ratings 1 to 5 of harsh and mild users, good and bad items, and two tastes."""
    generator = np.random.default_rng(seed)
    users, items = np.nonzero(generator.random((n_users, n_items)) < 0.4)
    taste = np.where((users % 2) == (items % 2), 0.8, -0.8)
    means = 3 + (users % 3 - 1) * 0.6 + (items % 5 - 2) * 0.4 + taste
    values = np.clip(np.rint(means + generator.normal(0, 0.4, len(users))), 1, 5).astype(int)
    return users + 1000, items + 1, values


@pytest.fixture
def ratings(workplace):
    """A CSV file of planted ratings with times."""
    file = workplace / "ratings.csv"
    users, items, values = planted_rows()
    with file.open("w") as out:
        out.write("userId,movieId,rating,timestamp\n")
        for row in zip(users, items, values, strict=True):
            out.write(",".join(map(str, row)) + f",{1_000_000_000 + row[0]}\n")
    return file


@pytest.fixture
def titles(workplace):
    """A CSV file of titles for all items but one."""
    file = workplace / "titles.csv"
    rows = "".join(f"{item},Title {item}\n" for item in range(2, 61))
    file.write_text("movieId,title\n" + rows)
    return file


@pytest.fixture
def model(run, ratings):
    """A model trained on the planted ratings."""
    run("train", ratings, "--factors", 4, "--epochs", 8, "--out", "planted.model", "--quiet")
    return Path("planted.model")

"""Running a command under a memory cap that the system enforces."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import capped

BIG = "bytearray(400 * 2**20)"


def run_capped(code, limit=200 * 2**20):
    command = [sys.executable, "-m", "bench.capped", str(limit), sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def cgroups():
    finished = run_capped("pass")
    # Making a cgroup takes root or a delegated one, and Linux. What needs none is tested below.
    if finished.returncode == 2:
        pytest.skip(f"only where this user may make memory cgroups: {finished.stderr.strip()}")


def test_the_group_is_found_in_both_versions_of_the_interface(monkeypatch, tmp_path):
    monkeypatch.setattr(capped, "ROOT", tmp_path)
    assert capped.own_group("9:pids:/\n4:cpu,memory:/a/b\n0::/x\n") == tmp_path / "memory/a/b"
    with pytest.raises(LookupError, match="no memory cgroups"):
        capped.own_group("0::/x\n")
    (tmp_path / "cgroup.controllers").write_text("memory")
    assert capped.own_group("0::/x/y\n") == tmp_path / "x/y"


def test_what_fits_runs_and_its_peak_is_said(cgroups):
    finished = run_capped("print('done'); raise SystemExit(3)")
    assert (finished.stdout, finished.returncode) == ("done\n", 3)
    assert "peak of the cgroup: " in finished.stderr


def test_what_does_not_fit_is_killed_and_the_group_is_gone(cgroups):
    parent = capped.own_group(Path("/proc/self/cgroup").read_text())
    finished = run_capped(BIG)
    assert finished.returncode == 128 + 9
    assert not list(parent.glob("fastmf-*"))


@pytest.mark.parametrize("arguments", [[], ["1GiB", "true"], ["1000"]])
def test_wrong_usage_is_status_2(arguments, capsys):
    assert capped.main(arguments) == 2
    assert "usage" in capsys.readouterr().err

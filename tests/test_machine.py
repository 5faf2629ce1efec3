"""What this process may use of the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastmf import machine

ROOT = Path(__file__).resolve().parent.parent


def test_threads_are_the_processors_allowed():
    assert 1 <= machine.available_threads() <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_affinity_is_honoured():
    script = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from fastmf.machine import available_threads; print(available_threads())"
    )
    run = [sys.executable, "-c", script]
    assert subprocess.run(run, cwd=ROOT, capture_output=True, check=True).stdout.split() == [b"1"]


def test_without_affinity_all_processors_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.available_threads() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.available_threads() == 1


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="no /proc/meminfo here")
def test_available_memory_is_below_the_machine_s():
    available = machine.available_memory()
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 10 * 2**20 < available <= total


@pytest.mark.parametrize(("limit", "expected"), [("4096", 4096), ("max", None)])
def test_the_limit_of_a_control_group_counts(tmp_path, monkeypatch, limit, expected):
    unlimited = machine.available_memory()
    path = tmp_path / "memory.max"
    path.write_text(limit + "\n")
    monkeypatch.setattr(machine, "_CGROUP_LIMITS", (path, tmp_path / "missing"))
    if expected is None:
        assert machine.available_memory() > 4096
    else:
        assert machine.available_memory() == expected <= unlimited


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_peak_memory_is_what_was_resident_at_most():
    script = (
        "from fastmf.machine import peak_memory; before = peak_memory(); "
        "held = b'x' * (100 << 20); del held; print(before, peak_memory())"
    )
    run = [sys.executable, "-c", script]
    printed = subprocess.run(run, cwd=ROOT, capture_output=True, check=True).stdout
    before, after = map(int, printed.split())
    assert 5 << 20 < before < 100 << 20
    assert 90 << 20 < after - before < 120 << 20

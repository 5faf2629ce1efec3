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


MAX_OF_VERSION_1 = "9223372036854771712"  # no limit


def available_within(monkeypatch, tmp_path, membership, limits):
    """Memory that is available where control groups have these limits, by their path."""
    for path, limit in limits.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(limit + "\n")
    (tmp_path / "cgroup").write_text(membership)
    monkeypatch.setattr(machine, "_MEMBERSHIP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_GROUPS", tmp_path)
    return machine.available_memory()


@pytest.mark.parametrize(
    ("membership", "limits"),
    [
        ("0::/\n", {"memory.max": "4096"}),
        ("0::/a/b\n", {"a/b/memory.max": "4096", "a/memory.max": "max"}),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "4096", "c/memory.max": "1"}),
        ("0::/a\n", {"a/memory.max": "5000", "memory.max": "4096"}),
        ("0::/not/seen/from/here\n", {"memory.max": "4096"}),
        ("0::/../../outside\n", {"memory.max": "4096"}),
        (
            "5:cpu:/a\n4:memory,hugetlb:/a/b\n0::/x\n",
            {
                "memory/a/b/memory.limit_in_bytes": "4096",
                "memory/memory.limit_in_bytes": MAX_OF_VERSION_1,
            },
        ),
        ("4:memory:/docker/1f\n", {"memory/memory.limit_in_bytes": "4096"}),
    ],
)
def test_the_limits_of_all_control_groups_around_count(tmp_path, monkeypatch, membership, limits):
    assert available_within(monkeypatch, tmp_path, membership, limits) == 4096


@pytest.mark.parametrize(
    ("membership", "limits"),
    [
        ("0::/a\n", {"a/memory.max": "max"}),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": MAX_OF_VERSION_1}),
        ("5:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "1", "a/memory.max": "1"}),
        ("0::/a\n", {"a/memory.max/folder": "1"}),
        ("not as expected\n", {}),
    ],
)
def test_without_a_limit_the_machine_counts(tmp_path, monkeypatch, membership, limits):
    assert available_within(monkeypatch, tmp_path, membership, limits) > 4096


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

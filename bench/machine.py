"""What a benchmark ran on: processor, memory, system, versions, date."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGES = ("fastmf", "numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow", "safetensors")


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory, operating system and kernel.

    Returns
    -------
    dict
        ``cpu`` (model name), ``cores`` (usable by this process), ``memory_bytes``, ``os``,
        ``kernel``, ``load_average`` (1, 5 and 15 minutes before the run: a busy machine shows).
    """
    return {
        "cpu": _cpu_model(),
        "cores": _usable_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "os": _system_name(),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_average": list(os.getloadavg()),
    }


def describe_versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Versions of Python, of the packages under the bench, and the commit of the checkout."""
    versions = {"python": platform.python_version()}
    for name in (*PACKAGES, *more):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    commit = _commit()
    if commit:
        versions["commit"] = commit
    return versions


def now() -> str:
    """Return the date and time in UTC, ISO 8601, whole seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.platform()


def _commit() -> str | None:
    """Return the checked-out commit, with ``+changes`` where tracked files differ from it."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+changes" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()

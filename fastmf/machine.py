"""What this process may use of the machine: processors and memory."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

__all__ = ["available_memory", "available_threads", "peak_memory"]

_MEMBERSHIP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def _proc_bytes(path: Path, field: str) -> list[int]:
    """Return the bytes that a line such as ``VmHWM:  1234 kB`` tells, or nothing without one."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")]


def _group_limits() -> list[int]:
    """Return the limits of this process's control group and of those around it, in bytes."""
    lines = _MEMBERSHIP.read_text().splitlines() if _MEMBERSHIP.exists() else []
    # The outermost groups are there even where the process's own cannot be seen from a container.
    found = [_GROUPS / "memory.max", _GROUPS / "memory" / "memory.limit_in_bytes"]
    for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        names = controllers.split(",")
        if "memory" not in names and controllers:
            continue
        limit = found[int("memory" in names)]  # of version 2 of the interface, of version 1
        inner = Path(group.lstrip("/"))
        found += [limit.parent / one / limit.name for one in (inner, *inner.parents)]
    texts = []
    for path in found:
        with contextlib.suppress(OSError):
            texts.append(path.read_text().strip())
    return [int(text) for text in texts if text.isdigit()]


def available_threads() -> int:
    """Return the number of processors this process may run on.

    Returns
    -------
    int
        At least 1. Honours CPU affinity where the system has it.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int | None:
    """Return the bytes of memory that this process could still take, as far as can be told.

    Returns
    -------
    int or None
        The lowest of what the system reports as available and the limits of the control groups
        that the process is in; None where none can be read.
    """
    limits = _proc_bytes(Path("/proc/meminfo"), "MemAvailable")
    if not limits and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min([*limits, *_group_limits()], default=None)


def peak_memory() -> int | None:
    """Return the most memory in bytes that this process has had resident, mapped files included.

    Returns
    -------
    int or None
        None where the system does not tell.
    """
    if sys.platform == "win32":
        return None
    # ru_maxrss is second choice on Linux: it starts at the size of the process that started this.
    if high_water := _proc_bytes(Path("/proc/self/status"), "VmHWM"):
        return high_water[0]
    import resource  # noqa: PLC0415 - exists on Unix only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

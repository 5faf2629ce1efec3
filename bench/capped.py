"""Run a command in a memory cgroup of its own: ``python -m bench.capped BYTES COMMAND ...``.

For `bench memory --under 'python -m bench.capped {bytes}'`. Everything the command touches is
charged against the cap, pages of mapped files included: the system takes those back when they are
too many, and kills the command when the rest does not fit. Needs the right to make a cgroup below
the one this process is in: root, or a delegated one.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
# Version 1 of the interface, version 2.
LIMITS = ("memory.limit_in_bytes", "memory.max")
PEAKS = ("memory.max_usage_in_bytes", "memory.peak")


def own_group(membership: str) -> Path:
    """Find the folder of this process's memory cgroup.

    Parameters
    ----------
    membership : str
        Text of ``/proc/self/cgroup``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    LookupError
        It has none.
    """
    groups = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    if "memory" in groups:
        return ROOT / "memory" / groups["memory"].lstrip("/")
    if "" in groups and (ROOT / "cgroup.controllers").is_file():
        return ROOT / groups[""].lstrip("/")
    raise LookupError("no memory cgroups on this system")


@contextlib.contextmanager
def capped_group(parent: Path, n_bytes: int) -> Iterator[Path]:
    """Make a cgroup with a cap; remove it at the end.

    Raises
    ------
    OSError
        The system does not allow it.
    """
    group = Path(tempfile.mkdtemp(prefix="fastmf-", dir=parent))
    try:
        limit = next((name for name in LIMITS if (group / name).exists()), None)
        if limit is None:
            raise OSError(f"{group} has no memory controller")
        (group / limit).write_text(str(n_bytes))
        yield group
    finally:
        for _ in range(50):  # until the processes are gone
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status, or 2 when no cgroup can be made."""
    if len(arguments) < 2 or not arguments[0].isdigit():
        print("usage: python -m bench.capped BYTES COMMAND ...", file=sys.stderr)
        return 2
    try:
        parent = own_group(Path("/proc/self/cgroup").read_text())
        with capped_group(parent, int(arguments[0])) as group:

            def enter() -> None:
                (group / "cgroup.procs").write_text(str(os.getpid()))

            status = subprocess.run(arguments[1:], preexec_fn=enter, check=False).returncode
            peak = next((group / name for name in PEAKS if (group / name).exists()), None)
            if peak is not None:
                print(f"peak of the cgroup: {int(peak.read_text()):,} bytes", file=sys.stderr)
            return status if status >= 0 else 128 - status
    except (OSError, LookupError, subprocess.SubprocessError) as error:
        print(f"no capped cgroup could be made: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

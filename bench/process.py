"""Runs one command and says what it took: wall time, peak memory, and when each line came."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# How often an open file of a child is looked for: the error of "when reading ended".
WATCH_INTERVAL = 0.002


class BenchError(Exception):
    """A benchmark could not be run; the message is one line for the user."""


@dataclass(frozen=True)
class Finished:
    """What a finished command left behind.

    Attributes
    ----------
    stdout, stderr : str
        Everything it printed.
    wall_seconds : float
        From just before the process is started until it has been waited for.
    peak_rss_bytes : int
        The kernel's own high-water mark of this one child (``wait4``).
    """

    stdout: str
    stderr: str
    wall_seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class StampedLine:
    """One line of output and the time, in seconds since the start, at which it arrived."""

    seconds: float
    text: str


@dataclass(frozen=True)
class Watched:
    """What a watched command left behind.

    Attributes
    ----------
    lines : tuple of StampedLine
        Output lines (standard output and standard error together) as they arrived.
    last_open_seconds : float or None
        The last moment at which the command was seen holding the watched file open before its
        first line came; None where the system has no ``/proc`` or the file was never seen open.
    wall_seconds, peak_rss_bytes
        As in `Finished`.
    """

    lines: tuple[StampedLine, ...]
    last_open_seconds: float | None
    wall_seconds: float
    peak_rss_bytes: int


def run_command(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Finished:
    """Run a command to its end.

    Parameters
    ----------
    command : sequence of str
    env : mapping, optional
        Variables put on top of this process's environment.

    Raises
    ------
    BenchError
        The command is not there, or ended with another status than 0.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = _start(command, stdout=out, stderr=err, env=env)
        peak = _wait(process)
        wall = time.perf_counter() - start
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    _check(command, process.returncode, texts[1] or texts[0])
    return Finished(texts[0], texts[1], wall, peak)


def run_killed(
    command: Sequence[str], seconds: float, *, env: Mapping[str, str] | None = None
) -> bool:
    """Start a command and kill it (SIGKILL) after a while; return whether it was still running.

    Parameters
    ----------
    command : sequence of str
    seconds : float
        From its start to the kill.
    env : mapping, optional
        Variables put on top of this process's environment.
    """
    process = _start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def run_watched(command: Sequence[str], *, watch: Path) -> Watched:
    """Run a command on a pseudo-terminal and stamp each of its output lines.

    A program that prints through C's standard output keeps lines back in a buffer when it writes
    to a pipe, and flushes each line when it writes to a terminal. With a pseudo-terminal the
    stamps tell when a line was printed, without touching the program.

    Parameters
    ----------
    command : sequence of str
    watch : Path
        An input file; the last moment it was open before the first output line is recorded.

    Raises
    ------
    BenchError
        As in `run_command`.
    """
    parent, child = os.openpty()
    try:
        start = time.perf_counter()
        try:
            process = _start(command, stdout=child, stderr=child)
        finally:
            os.close(child)
        lines, last_open = _read_stamped(parent, process.pid, str(watch.resolve()), start)
    finally:
        os.close(parent)
    peak = _wait(process)
    wall = time.perf_counter() - start
    _check(command, process.returncode, "\n".join(line.text for line in lines))
    return Watched(tuple(lines), last_open, wall, peak)


def _read_stamped(
    terminal: int, pid: int, watched: str, start: float
) -> tuple[list[StampedLine], float | None]:
    lines: list[StampedLine] = []
    last_open: float | None = None
    rest = b""
    while True:
        # Look for the open file only until the first line: later on it would disturb the timing.
        timeout = None if lines else WATCH_INTERVAL
        ready, _, _ = select.select([terminal], [], [], timeout)
        now = time.perf_counter() - start
        if not ready:
            if _holds_open(pid, watched):
                last_open = now
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux answers EIO when the other side of a pseudo-terminal has closed
            data = b""
        if not data:
            break
        *complete, rest = (rest + data).split(b"\n")
        lines += [StampedLine(now, line.decode(errors="replace").rstrip()) for line in complete]
    if rest.strip():
        lines.append(
            StampedLine(time.perf_counter() - start, rest.decode(errors="replace").rstrip())
        )
    return lines, last_open


def _holds_open(pid: int, path: str) -> bool:
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - pathlib is slower, and this is a poll
            # a file that was closed between the two calls is simply not open
            with contextlib.suppress(OSError):
                if os.readlink(f"{folder}/{name}") == path:  # noqa: PTH115
                    return True
    return False


def _start(
    command: Sequence[str],
    *,
    stdout: object,
    stderr: object,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(env or {})},
        )
    except OSError as error:
        raise BenchError(f"cannot run {command[0]}: {error.strerror}") from None


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process with ``wait4``; return its peak resident memory in bytes.

    The system counts a process from its fork on, so this is never less than what the bench itself
    has in memory then.
    """
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if os.uname().sysname == "Darwin" else 1024  # ru_maxrss: bytes there, KiB on Linux
    return usage.ru_maxrss * unit


def _check(command: Sequence[str], returncode: int, output: str) -> None:
    if returncode == 0:
        return
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = lines[-1] if lines else "it printed nothing"
    name = " ".join(Path(part).name if "/" in part else part for part in command)
    raise BenchError(f"`{name}` ended with status {returncode}: {said}")

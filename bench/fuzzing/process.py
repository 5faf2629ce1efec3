"""Cases judged in a process that may die or hang, and files made small that show a failure."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.fuzzing.judge import Verdict
from bench.fuzzing.makers import make_case

ROOT = Path(__file__).resolve().parents[2]
COMMAND: tuple[str, ...] = (sys.executable, "-m", "bench.fuzzing.worker")
# A read without a cache leaves its store until the process ends.
CASES_OF_A_PROCESS = 350
# Kernels may have to be compiled for the first case.
FIRST_TIMEOUT = 300.0
MOST_ATTEMPTS = 120


class Judge:
    """Judges cases in a process of its own, replaced when it dies, hangs, or has done enough.

    Parameters
    ----------
    timeout : float
        Seconds after which a case counts as hanging.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._process: subprocess.Popen[str] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._done = 0

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def __call__(
        self, reader: str, seed: int, case: int, files: dict[str, bytes] | None = None
    ) -> Verdict:
        """Judge one case, or other files in its place."""
        if self._process is None or self._done >= CASES_OF_A_PROCESS:
            self._stop()
            self._start()
        coded = None
        if files is not None:
            coded = {name: base64.b64encode(data).decode() for name, data in files.items()}
        request = {"reader": reader, "seed": seed, "case": case, "files": coded}
        timeout = self._timeout if self._done else max(FIRST_TIMEOUT, self._timeout)
        self._done += 1
        return self._ask(request, timeout)

    def _start(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="fastmf-fuzz-")
        self._done = 0
        self._process = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env={**os.environ, "TMPDIR": self._scratch.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _ask(self, request: dict[str, Any], timeout: float) -> Verdict:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                line = process.stdout.readline() if selector.select(timeout) else None
        except BrokenPipeError:
            line = ""
        if line:
            return Verdict(**json.loads(line))
        if line is None:
            self._stop()
            return Verdict("hung", f"no answer within {timeout:g} s")
        status = process.wait()
        self._stop()
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return Verdict("died", f"the process ended by {how}")

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    assert pipe is not None
                    pipe.close()
            self._process = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None


def smallest(judge: Judge, reader: str, seed: int, number: int, found: Verdict) -> dict[str, bytes]:
    """Take away what a failure does not need, as far as a few attempts go.

    Parameters
    ----------
    judge : Judge
        Asks again.
    reader, seed, number
        Which case it is.
    found : Verdict
        What came of it.

    Returns
    -------
    dict of str to bytes
        The files of the case; smaller ones where the same still comes of them.
    """
    files = dict(make_case(reader, seed, number).files)
    if found.outcome == "wrong":  # other files have other answers
        return files
    attempts = MOST_ATTEMPTS
    for name in list(files):
        step = len(files[name]) // 2
        start = 0
        while step and attempts:
            data = files[name]
            fewer = {**files, name: data[:start] + data[start + step :]}
            attempts -= 1
            if failure_kind(judge(reader, seed, number, fewer)) == failure_kind(found):
                files = fewer
            else:
                start += step
            if start >= len(files[name]):
                start, step = 0, step // 2
    return files


def failure_kind(verdict: Verdict) -> tuple[str, str]:
    """Return what failures have in common: the exception and its place, not its words."""
    return verdict.outcome, verdict.why.split(": ", 1)[0]

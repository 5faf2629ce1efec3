"""Starts the measured runs of the ingest bench, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.process import run_command

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Run:
    """What one run in a process of its own printed, see `bench.ingest_runs`."""

    seconds: float
    rows: int
    peak_anonymous_bytes: int
    checksum: str | None
    notes: tuple[str, ...]
    wall_seconds: float


class Runner:
    """Runs `bench.ingest_runs` with stores and compiled code in folders of the bench.

    Parameters
    ----------
    stores, compiled : Path
        The folders.
    threads : int
    """

    def __init__(self, stores: Path, compiled: Path, threads: int) -> None:
        self.stores = stores
        self.threads = threads
        self.environment = {
            "FASTMF_CACHE_DIR": str(self.stores),
            "NUMBA_CACHE_DIR": str(compiled),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }

    def run(self, what: str, path: Path, *options: str) -> Run:
        """Run once; its stores stay."""
        command = [sys.executable, "-m", "bench.ingest_runs", what, str(path)]
        finished = run_command(
            [*command, "--threads", str(self.threads), *options], env=self.environment
        )
        report = json.loads(finished.stdout)
        report["notes"] = tuple(report["notes"])
        return Run(**report, wall_seconds=finished.wall_seconds)

    def cold(self, what: str, path: Path, *options: str) -> Run:
        """Run once without a store from before."""
        shutil.rmtree(self.stores, ignore_errors=True)
        return self.run(what, path, *options)

    def store(self) -> Path:
        """Return the one store there is."""
        (store,) = (self.stores / "stores").iterdir()
        return store

"""The libraries fastmf is measured against, one adapter module each, behind one protocol."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.dataset import Split
from bench.process import BenchError, run_command

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class PeerRun:
    """One training run of a peer.

    Attributes
    ----------
    iterations : int
    iteration_seconds : float
        Training time of one pass over the ratings.
    train_seconds : float
        The peer's whole training call, its own layout included, reading excluded.
    rmse : float
        On the validation rows, predictions clipped to the rating range.
    peak_rss_bytes : int
    """

    iterations: int
    iteration_seconds: float
    train_seconds: float
    rmse: float
    peak_rss_bytes: int


class Peer(Protocol):
    """What a case needs to know of a peer."""

    @property
    def name(self) -> str:
        """Name in the tables."""
        ...

    @property
    def package(self) -> str | None:
        """Distribution whose version is recorded; None for a program."""
        ...

    @property
    def grid(self) -> Sequence[Settings]:
        """Settings tried when the peer is tuned; the first ones are used untuned."""
        ...

    @property
    def max_ratings(self) -> int:
        """More training ratings than this are skipped, and said: it would take hours."""
        ...

    @property
    def max_threads(self) -> int:
        """Threads the peer can use."""
        ...

    def unavailable(self) -> str | None:
        """Say why the peer cannot run here; None where it can."""
        ...

    def fit(
        self, split: Split, *, factors: int, threads: int, seed: int, settings: Settings
    ) -> PeerRun:
        """Train on the split's training rows and score its validation rows."""
        ...


@dataclass(frozen=True)
class ModulePeer:
    """A Python library, run in a process of its own by its adapter module.

    A process of its own gives it its own threads, memory and peak memory, and none of ours.
    """

    name: str
    package: str
    import_name: str
    module: str
    grid: Sequence[Settings]
    max_ratings: int
    max_threads: int

    def unavailable(self) -> str | None:
        """Say why the peer cannot run here; None where it can."""
        if importlib.util.find_spec(self.import_name) is None:
            return f"not installed (pip install {self.package})"
        return None

    def fit(
        self, split: Split, *, factors: int, threads: int, seed: int, settings: Settings
    ) -> PeerRun:
        """Train on the split's training rows and score its validation rows."""
        content, peak = self.report(
            split, factors=factors, threads=threads, seed=seed, settings=settings
        )
        return PeerRun(peak_rss_bytes=peak, **content)

    def report(
        self, split: Split, *, factors: int, threads: int, seed: int, settings: Settings
    ) -> tuple[dict[str, Any], int]:
        """Run the adapter module; return what it printed and its peak memory in bytes."""
        job = {
            "train": str(split.train_text.resolve()),
            "valid": str(split.valid_text.resolve()),
            "n_users": split.n_users,
            "n_items": split.n_items,
            "rating_minimum": split.rating_minimum,
            "rating_maximum": split.rating_maximum,
            "factors": factors,
            "threads": threads,
            "seed": seed,
            **settings,
        }
        root = str(Path(__file__).parent.parent.parent)
        environment = {
            "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
            # one place sets the threads: BLAS threads inside a peer's own threads would fight
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": str(threads),
        }
        finished = run_command(
            [sys.executable, "-m", self.module, json.dumps(job)], env=environment
        )
        try:
            content: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise BenchError(f"{self.name} printed no result") from None
        return content, finished.peak_rss_bytes


def python_peers() -> list[ModulePeer]:
    """Return the peers that are Python libraries, installed or not."""
    return [
        ModulePeer(
            name="Surprise SVD",
            package="scikit-surprise",
            import_name="surprise",
            module="bench.peers.surprise",
            grid=(
                {"iterations": 20, "learning_rate": 0.005, "regularization": 0.02},
                {"iterations": 40, "learning_rate": 0.005, "regularization": 0.05},
                {"iterations": 40, "learning_rate": 0.01, "regularization": 0.05},
                {"iterations": 40, "learning_rate": 0.01, "regularization": 0.1},
                {"iterations": 80, "learning_rate": 0.005, "regularization": 0.1},
                {"iterations": 80, "learning_rate": 0.01, "regularization": 0.15},
            ),
            max_ratings=1_000_000,
            max_threads=1,
        ),
        *(
            ModulePeer(
                name=f"cmfrec ALS {name}",
                package="cmfrec",
                import_name="cmfrec",
                module="bench.peers.cmfrec",
                grid=tuple(
                    {
                        "iterations": 10,
                        "regularization": regularization,
                        "conjugate_gradient": use,
                        "implicit_features": implicit_features,
                    }
                    for implicit_features in (False, True)
                    for regularization in (10.0, 3.0, 5.0, 15.0, 20.0, 25.0, 35.0)
                ),
                max_ratings=25_000_000,
                max_threads=1024,
            )
            for name, use in (("CG", True), ("Cholesky", False))
        ),
    ]


def reason_to_skip(peer: Peer, split: Split, threads: int) -> str | None:
    """Say why this peer is not run on this split with so many threads; None to run it."""
    missing = peer.unavailable()
    if missing:
        return missing
    if split.n_train > peer.max_ratings:
        return f"{split.n_train:,} ratings are above its cap of {peer.max_ratings:,} here"
    if threads > peer.max_threads:
        return f"it has {peer.max_threads} thread only"
    return None


def installed_versions(peers: Sequence[Peer]) -> tuple[str, ...]:
    """Distributions of the installed peers, for the record."""
    names = dict.fromkeys(peer.package for peer in peers if peer.package)
    installed = []
    for name in names:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        installed.append(name)
    return tuple(installed)

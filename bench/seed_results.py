"""Scores of trained networks, kept so that an interrupted table goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Scores = Mapping[str, float]


@dataclass(frozen=True)
class KeptScores:
    """Scores by what was trained, one file each.

    Attributes
    ----------
    folder : Path
        Made where it is missing.
    """

    folder: Path

    def of(self, job: Mapping[str, Any], train: Callable[[], Scores], *, again: bool) -> Scores:
        """Return the scores of a job; train where there are none.

        Parameters
        ----------
        job : mapping
            All that the scores depend on, as JSON can hold it.
        train : callable
        again : bool
            Whether to train though there are scores.

        Returns
        -------
        mapping of str to float
        """
        text = json.dumps(job, sort_keys=True)
        path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
        if path.exists() and not again:
            kept: Scores = json.loads(path.read_text(encoding="utf-8"))["scores"]
            return kept
        scores = dict(train())
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        content = {"job": job, "scores": scores}
        partial.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
        partial.replace(path)
        return scores


def digest_of(*paths: Path) -> str:
    """Return a digest of files, such as the source of what trains.

    Parameters
    ----------
    *paths : Path
    """
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]

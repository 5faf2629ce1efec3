"""The one harness of all cases: interleaved runs, medians, pairwise ratios, a written record."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench.machine import describe_machine, describe_versions, now

Result = TypeVar("Result")


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the runs, and the runs themselves in order."""

    median: float
    minimum: float
    maximum: float
    values: tuple[float, ...]

    def show(self, digits: int = 2, unit: str = "") -> str:
        """``median (min-max)`` with this many decimals."""
        if len(self.values) == 1:
            return f"{self.median:.{digits}f}{unit}"
        return (
            f"{self.median:.{digits}f}{unit} ({self.minimum:.{digits}f}-{self.maximum:.{digits}f})"
        )


def spread(values: Sequence[float]) -> Spread:
    """Summarise the runs of one quantity."""
    return Spread(statistics.median(values), min(values), max(values), tuple(values))


def pairwise_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Ratio of the two runs of each round, then their median.

    Runs of one round share whatever the machine was doing just then, so the ratio is taken
    inside a round and never between a fast round of one and a slow round of the other.

    Raises
    ------
    ValueError
        The two do not have the same number of rounds.
    """
    return spread([a / b for a, b in zip(numerators, denominators, strict=True)])


class Progress:
    """Says on stderr what runs, how far the bench has come and what each run took."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._start = time.perf_counter()

    def say(self, message: str) -> None:
        """Print one line with the minutes gone so far."""
        if not self._quiet:
            minutes, seconds = divmod(int(time.perf_counter() - self._start), 60)
            print(f"[{minutes:3d}:{seconds:02d}] {message}", file=sys.stderr, flush=True)


def interleave(
    tasks: Mapping[str, Callable[[], Result]], repeats: int, progress: Progress
) -> dict[str, list[Result]]:
    """Run every task once a round, in the same order each round: A B C, A B C, ...

    Parameters
    ----------
    tasks : mapping of str to callable
        Name and run of each task.
    repeats : int
        Number of rounds, at least 1.
    progress : Progress

    Returns
    -------
    dict of str to list
        The results of each task, one a round.
    """
    results: dict[str, list[Result]] = {name: [] for name in tasks}
    step, steps = 0, repeats * len(tasks)
    for round_number in range(1, repeats + 1):
        for name, run in tasks.items():
            step += 1
            start = time.perf_counter()
            results[name].append(run())
            took = time.perf_counter() - start
            progress.say(f"{step}/{steps} round {round_number}: {name} {took:.1f} s")
    return results


@dataclass(frozen=True)
class Table:
    """A table of the Markdown report."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def markdown(self) -> str:
        """Return the table in Markdown, with its title as a heading."""
        lines = [f"## {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|" + " --- |" * len(self.columns))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines)


@dataclass
class Record:
    """Everything one bench run has to say; written as JSON and as Markdown.

    Attributes
    ----------
    case : str
        The case's name; also the stem of the files written.
    settings : dict
        What was asked for and what data it ran on.
    tables : list of Table
    figures : dict
        The measured quantities, runs included, for programs to read.
    skipped : dict of str to str
        What was not run, and why.
    notes : list of str
        What a reader must know to read the tables.
    packages : tuple of str
        Further distributions whose versions are recorded.
    versions : dict of str to str
        Versions of what is no Python package.
    """

    case: str
    settings: dict[str, Any]
    tables: list[Table] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    packages: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    date: str = field(default_factory=now)
    machine: dict[str, Any] = field(default_factory=describe_machine)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready dictionaries and lists."""
        return {
            "case": self.case,
            "date": self.date,
            "machine": self.machine,
            "versions": self._all_versions(),
            "settings": self.settings,
            "figures": self.figures,
            "skipped": self.skipped,
            "notes": self.notes,
            "tables": [asdict(table) for table in self.tables],
        }

    def markdown(self) -> str:
        """Return the record as a Markdown page."""
        machine = self.machine
        memory = machine["memory_bytes"] / 2**30
        load = ", ".join(f"{value:.2f}" for value in machine["load_average"])
        parts = [
            f"# bench {self.case}, {self.date}",
            f"{machine['cpu']}, {machine['cores']} cores, {memory:.1f} GiB; {machine['os']}, "
            f"{machine['kernel']}; load before the run {load}.",
            ", ".join(f"{name} {version}" for name, version in self._all_versions().items()) + ".",
            "; ".join(f"{name}: {_plain(value)}" for name, value in self.settings.items()) + ".",
            *(table.markdown() for table in self.tables),
        ]
        if self.skipped:
            skipped = [f"- {name}: {reason}" for name, reason in self.skipped.items()]
            parts.append("\n".join(["## Skipped", "", *skipped]))
        if self.notes:
            parts.append("\n".join(["## Notes", "", *(f"- {note}" for note in self.notes)]))
        return "\n\n".join(parts) + "\n"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``CASE-DATE.json`` and ``CASE-DATE.md`` into the folder.

        Each is written beside under another name and renamed, so that a file that is there is
        whole.

        Returns
        -------
        tuple of Path
            The JSON and the Markdown file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        stamp = self.date.replace(":", "").replace("-", "").replace("+0000", "Z")
        paths = (folder / f"{self.case}-{stamp}.json", folder / f"{self.case}-{stamp}.md")
        texts = (json.dumps(self.as_dict(), indent=2) + "\n", self.markdown())
        for path, text in zip(paths, texts, strict=True):
            partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        return paths

    def _all_versions(self) -> dict[str, str]:
        return {**describe_versions(self.packages), **self.versions}


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)

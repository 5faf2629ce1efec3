"""LIBMF's ``mf-train``, timed from outside, phase by phase, without touching it.

``mf-train`` reads its text, builds its grid ("setup"), prints a header line, and then a line
after each iteration; it prints no times. On a terminal its lines come out as they are printed,
so their stamps give the setup's end and each iteration. The end of reading is the last moment
at which it held its training file open.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from bench.dataset import Split
from bench.peers import PeerRun, Settings
from bench.peers.triples import read_triples, rmse
from bench.process import BenchError, StampedLine, Watched, run_watched

SCORED_ROWS = 1 << 18


@dataclass(frozen=True)
class Timing:
    """Phases of one run of ``mf-train``, in seconds.

    Attributes
    ----------
    read_seconds : float
        From the start of the process until the training text was closed. Where the system cannot
        tell it is everything before the header, setup included, to LIBMF's advantage.
    setup_seconds : float
        From there to the header line: shuffling, sorting into the grid, initial factors.
    iteration_seconds : tuple of float
        Each iteration; the first starts at the header line.
    wall_seconds : float
        The whole command, saved model included.
    rmse : float or None
        Validation RMSE after the last iteration as printed; None where it was not asked for.
    peak_rss_bytes : int
    """

    read_seconds: float
    setup_seconds: float
    iteration_seconds: tuple[float, ...]
    wall_seconds: float
    rmse: float | None
    peak_rss_bytes: int

    @property
    def train_seconds(self) -> float:
        """Setup and all iterations."""
        return self.setup_seconds + sum(self.iteration_seconds)

    @property
    def steady_iteration_seconds(self) -> float:
        """Median iteration; the first, which warms the caches, is left out where there are more."""
        return statistics.median(self.iteration_seconds[1:] or self.iteration_seconds)


class Libmf:
    """One build of LIBMF.

    Parameters
    ----------
    program : Path
        The ``mf-train`` that LIBMF's Makefile built.
    name : str
        Name in the tables.
    """

    package = None
    grid: Sequence[Settings] = tuple(
        {"iterations": iterations, "regularization": regularization}
        for iterations in (20, 10, 40)
        for regularization in (0.05, 0.1, 0.15, 0.02)
    )
    max_ratings = 1 << 40
    max_threads = 1024

    def __init__(self, program: Path, name: str = "LIBMF") -> None:
        self.program = program
        self.name = name

    def unavailable(self) -> str | None:
        """Say why this build cannot be run; None where it can."""
        if not self.program.is_file():
            return f"there is no {self.program.name} at the path given by --libmf"
        if not os.access(self.program, os.X_OK):
            return f"{self.program.name} is not executable"
        return None

    def version(self) -> str:
        """LIBMF prints no version: the first digits of the program's SHA-256 tell builds apart."""
        return "sha256 " + hashlib.sha256(self.program.read_bytes()).hexdigest()[:12]

    def train(
        self,
        split: Split,
        model: Path,
        *,
        factors: int,
        threads: int,
        iterations: int,
        regularization: float,
        validate: bool,
    ) -> Timing:
        """Run ``mf-train`` once and time its phases.

        With ``validate`` each iteration's time holds the scoring of the validation rows too:
        such a run is for the RMSE, not for the clock.
        """
        command: list[str | Path] = [self.program, "-f", "0", "-k", str(factors)]
        command += ["-t", str(iterations), "-s", str(threads), "-l2", str(regularization)]
        if validate:
            command += ["-p", split.valid_text]
        command += [split.train_text, model]
        watched = run_watched([str(part) for part in command], watch=split.train_text)
        return parse_timing(watched, iterations=iterations, validate=validate)

    def fit(
        self, split: Split, *, factors: int, threads: int, seed: int, settings: Settings
    ) -> PeerRun:
        """Train and score the validation rows (LIBMF takes no seed; ``seed`` is not used)."""
        with tempfile.TemporaryDirectory(dir=split.folder) as folder:
            model = Path(folder) / "model"
            timing = self.train(
                split,
                model,
                factors=factors,
                threads=threads,
                iterations=settings["iterations"],
                regularization=settings["regularization"],
                validate=False,
            )
            score = clipped_rmse(model, split)
        return PeerRun(
            iterations=settings["iterations"],
            iteration_seconds=timing.steady_iteration_seconds,
            train_seconds=timing.train_seconds,
            rmse=score,
            peak_rss_bytes=timing.peak_rss_bytes,
        )


def name_builds(programs: Sequence[Path]) -> list[Libmf]:
    """Give each build the name of the folder it lies in, with a number where two are alike."""
    builds: list[Libmf] = []
    for program in programs:
        name = program.resolve().parent.name
        taken = [build.name for build in builds]
        label, number = name, 2
        while label in taken:
            label, number = f"{name} {number}", number + 1
        builds.append(Libmf(program, label))
    return builds


def parse_timing(watched: Watched, *, iterations: int, validate: bool) -> Timing:
    """Read the stamped table of ``mf-train``.

    Raises
    ------
    BenchError
        The output is not the table of so many iterations.
    """
    header, rows = _table(watched.lines)
    columns = header.text.split()
    if len(rows) != iterations or ("va_rmse" in columns) != validate:
        said = watched.lines[-1].text if watched.lines else "nothing"
        raise BenchError(f"mf-train printed no table of {iterations} iterations; last: {said}")
    stamps = [header.seconds, *(row.seconds for row in rows)]
    read = header.seconds if watched.last_open_seconds is None else watched.last_open_seconds
    score = float(rows[-1].text.split()[columns.index("va_rmse")]) if validate else None
    return Timing(
        read_seconds=read,
        setup_seconds=header.seconds - read,
        iteration_seconds=tuple(after - before for before, after in itertools.pairwise(stamps)),
        wall_seconds=watched.wall_seconds,
        rmse=score,
        peak_rss_bytes=watched.peak_rss_bytes,
    )


def _table(lines: Sequence[StampedLine]) -> tuple[StampedLine, list[StampedLine]]:
    for number, line in enumerate(lines):
        if line.text.split()[:1] == ["iter"]:
            rows = [row for row in lines[number + 1 :] if row.text.split()[:1]]
            return line, [row for row in rows if row.text.split()[0].isdigit()]
    said = lines[-1].text if lines else "nothing"
    raise BenchError(f"mf-train printed no table of iterations; last: {said}")


def clipped_rmse(model: Path, split: Split) -> float:
    """RMSE on the validation rows with LIBMF's predictions clipped to the rating range.

    LIBMF does not clip; its own figure, as printed, is a little higher.
    """
    mean, user_factors, item_factors = read_model(model)
    user, item, value = read_triples(split.valid_text)
    predicted = np.full(len(value), mean, dtype=np.float32)
    known = np.flatnonzero((user < len(user_factors)) & (item < len(item_factors)))
    for start in range(0, len(known), SCORED_ROWS):
        row = known[start : start + SCORED_ROWS]
        predicted[row] = np.einsum("ij,ij->i", user_factors[user[row]], item_factors[item[row]])
    predicted[np.isnan(predicted)] = mean
    return rmse(predicted, value, split.rating_minimum, split.rating_maximum)


def read_model(path: Path) -> tuple[float, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Read a model file of LIBMF.

    Returns
    -------
    tuple
        Mean of the ratings, user factors (m, k) and item factors (n, k), float32; the rows of
        users and items without training ratings (marked ``F`` in the file) are NaN.
    """
    header: dict[str, Any] = {}
    with path.open(encoding="ascii") as lines:
        for _ in range(5):
            key, value = lines.readline().split()
            header[key] = value
    n_users, factors = int(header["m"]), int(header["k"])
    # each line ends with a blank, which makes one empty column at its end
    names = ["name", "known", *(str(column) for column in range(factors)), "end"]
    types = {name: pa.float32() for name in names[2:-1]} | {
        name: pa.string() for name in ("name", "known", "end")
    }
    table = pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=5),
        parse_options=pyarrow.csv.ParseOptions(delimiter=" "),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types),
    )
    rows = np.empty((table.num_rows, factors), dtype=np.float32)
    for column in range(factors):
        rows[:, column] = table.column(2 + column).to_numpy()
    rows[table.column("known").to_numpy() == "F"] = np.nan
    return float(header["b"]), rows[:n_users], rows[n_users:]

"""Drives fastmf the way a user does: through its command line, in a process of its own."""

from __future__ import annotations

import hashlib
import itertools
import json
import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from safetensors import safe_open

from bench.process import BenchError, run_command
from bench.source import default_cache

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True)
class Epoch:
    """One entry of the report's history; ``seconds`` is training time so far, layout excluded."""

    epoch: int
    seconds: float
    valid_rmse: float | None


@dataclass(frozen=True)
class TrainRun:
    """One ``fastmf train``: what it reported, and what was seen from outside.

    Attributes
    ----------
    history : tuple of Epoch
    seconds : dict of str to float
        ``read``, ``prepare``, ``compile``, ``train`` and ``total`` as reported.
    valid_rmse : float or None
        Of the model that was saved.
    report : dict
        The rest of the report.
    wall_seconds, peak_rss_bytes
        Of the whole process, start of Python to its end.
    """

    history: tuple[Epoch, ...]
    seconds: dict[str, float]
    valid_rmse: float | None
    report: dict[str, Any]
    wall_seconds: float
    peak_rss_bytes: int

    @property
    def epoch_seconds(self) -> float:
        """Median epoch; the first, which warms the caches, is left out where there are more."""
        stamps = [0.0, *(epoch.seconds for epoch in self.history)]
        each = [after - before for before, after in itertools.pairwise(stamps)]
        return statistics.median(each[1:] or each)

    def epochs_to(self, target: float) -> int | None:
        """Epochs until the validation RMSE was at or below the target; None where never."""
        for epoch in self.history:
            if epoch.valid_rmse is not None and epoch.valid_rmse <= target:
                return epoch.epoch
        return None

    def seconds_to(self, target: float) -> float | None:
        """Layout and training until the end of the first epoch at or below the target.

        Nothing is interpolated between epochs. Reading, compiling and evaluating are not in it.
        """
        for epoch in self.history:
            if epoch.valid_rmse is not None and epoch.valid_rmse <= target:
                return self.seconds["prepare"] + epoch.seconds
        return None


class Fastmf:
    """The ``fastmf`` command with its caches kept apart from the user's.

    Parameters
    ----------
    command : sequence of str
        What starts it, e.g. ``("python", "-m", "fastmf")``.
    cache : Path
        Folder for the prepared stores (``FASTMF_CACHE_DIR``) and the compiled code
        (``NUMBA_CACHE_DIR``). Cold runs get a store folder of their own, and the same compiled
        code: the store is what a new file costs, compiling is what a new installation costs.
    """

    def __init__(self, command: Sequence[str], cache: Path) -> None:
        self.command = tuple(command)
        self._stores = cache / "stores"
        self._compiled = cache / "compiled"

    def version(self) -> str:
        """Return the version: the last word of what ``fastmf --version`` prints."""
        return run_command([*self.command, "--version"]).stdout.split()[-1]

    def train(
        self,
        data: Path,
        out: Path,
        *,
        factors: int,
        threads: int,
        epochs: int | None = None,
        valid: Path | None = None,
        seed: int = 0,
        options: Sequence[str] = (),
        stores: Path | None = None,
        compiled: Path | None = None,
        prefix: Sequence[str] = (),
    ) -> TrainRun:
        """Train once and read the report.

        Parameters
        ----------
        data, out : Path
            Ratings, and the folder of the model; a model that is there is removed first.
        factors, threads, epochs, valid, seed
            As the options of ``fastmf train``; None leaves the default.
        options : sequence of str
            Further options of ``fastmf train``.
        stores, compiled : Path, optional
            Other cache folders than the bench's.
        prefix : sequence of str
            A command to run fastmf under.
        """
        shutil.rmtree(out, ignore_errors=True)
        command = [*prefix, *self.command, "train", str(data), "--factors", str(factors)]
        command += ["--threads", str(threads), "--seed", str(seed), "--out", str(out)]
        if epochs is not None:
            command += ["--epochs", str(epochs)]
        if valid is not None:
            command += ["--valid", str(valid)]
        environment = {
            "FASTMF_CACHE_DIR": str(stores or self._stores),
            "NUMBA_CACHE_DIR": str(compiled or self._compiled),
        }
        finished = run_command([*command, *options, "--json", "--quiet"], env=environment)
        return parse_report(finished.stdout, finished.wall_seconds, finished.peak_rss_bytes)


def parse_report(text: str, wall_seconds: float, peak_rss_bytes: int) -> TrainRun:
    """Read the JSON object that ``fastmf train --json`` prints.

    Raises
    ------
    BenchError
        It is no such object, or lacks the history.
    """
    try:
        report: dict[str, Any] = json.loads(text)
        history = tuple(
            Epoch(entry["epoch"], entry["seconds"], entry.get("valid_rmse"))
            for entry in report["history"]
        )
        seconds = dict(report["seconds"])
        missing = {"read", "prepare", "compile", "train", "total"} - seconds.keys()
        # kept above in their own form, and the model's folder is gone when the record is read
        rest = {key: report[key] for key in report.keys() - {"history", "seconds", "model_path"}}
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(f"fastmf train --json printed no report: {error!r}") from None
    if missing or not history:
        lacking = ", ".join(sorted(missing)) or "history"
        raise BenchError(f"the report of fastmf train lacks {lacking}")
    return TrainRun(history, seconds, report.get("valid_rmse"), rest, wall_seconds, peak_rss_bytes)


def hash_of_factors(model: Path) -> str:
    """SHA-256 over the arrays of a saved model: name, type, shape and bytes, by name."""
    digest = hashlib.sha256()
    with safe_open(model / "arrays.safetensors", framework="numpy") as arrays:
        for name in sorted(arrays.keys()):
            array = arrays.get_tensor(name)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def common_options(function: Decorated) -> Decorated:
    """Add the options that every case has: ``--fastmf``, ``--cache``, ``--out``, ``--quiet``."""
    for option in (
        click.option("--quiet", is_flag=True, help="No progress on stderr."),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            default=Path("results"),
            show_default=True,
            help="Folder for the JSON and the Markdown file.",
        ),
        click.option(
            "--cache",
            type=click.Path(path_type=Path),
            default=default_cache,
            help="Folder for generated data, splits and stores. [default: ~/.cache/fastmf-bench]",
        ),
        click.option(
            "--fastmf",
            "fastmf_command",
            default=f"{shlex.quote(sys.executable)} -m fastmf",
            help="Command that starts fastmf. [default: this Python, -m fastmf]",
        ),
    ):
        function = option(function)
    return function


def data_options(default_ratings: int) -> Callable[[Decorated], Decorated]:
    """Add ``--ratings`` and ``--data``: generated ratings of a size, or a file."""

    def add(function: Decorated) -> Decorated:
        function = click.option(
            "--data",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Ratings to use instead of generated ones: Parquet, or CSV/TSV; "
            "user, item and rating are its first three columns.",
        )(function)
        return click.option(
            "--ratings",
            type=click.IntRange(min=1),
            default=default_ratings,
            show_default=True,
            help="Size of the generated ratings (up to 100480507).",
        )(function)

    return add


class Workplace:
    """A folder for models and cold stores, beside the splits, removed at the end."""

    def __init__(self, fastmf_command: str, cache: Path) -> None:
        self.cache = cache.resolve()
        self.cache.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix="run-", dir=self.cache)
        self.fastmf = Fastmf(shlex.split(fastmf_command), self.cache)

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def path(self, name: str) -> Path:
        """Return a path of this name in the folder."""
        return Path(self._folder.name) / name

    def versions(self) -> Mapping[str, str]:
        """Version of the fastmf that was run."""
        return {"fastmf": self.fastmf.version()}

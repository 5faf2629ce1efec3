"""Kills `fastmf convert` and `fastmf train` at random moments, and looks at what comes next."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness import Progress, Record, Table
from bench.ingest_children import Runner
from bench.process import BenchError, run_command, run_killed


@dataclass(frozen=True)
class _Command:
    """A command that leaves a store."""

    name: str
    line: list[str]
    find_store: Callable[[], Path | None]  # None where there is none


def add_kills(
    record: Record,
    runner: Runner,
    fastmf: Sequence[str],
    source: Path,
    kills: int,
    progress: Progress,
) -> None:
    """Kill each command as often as asked for, at moments spread evenly over a whole run.

    Raises
    ------
    BenchError
        Any run after a kill left another store, or anything of the killed one was left over.
    """
    made = runner.stores / "made"
    converted = made / "ratings.store"

    def cached() -> Path | None:
        # Unfinished ones have names that begin with a dot.
        return next((runner.stores / "stores").glob("[!.]*"), None)

    small = ["--factors", "4", "--epochs", "1"]
    commands = (
        _Command(
            "convert",
            [*fastmf, "convert", str(source), str(converted), "--quiet"],
            lambda: converted if converted.exists() else None,
        ),
        _Command(
            "train",
            [*fastmf, "train", str(source), "--out", str(made / "model"), *small, "--quiet"],
            cached,
        ),
    )
    rows: list[tuple[str, ...]] = []
    wrong = 0
    for command in commands:
        n_right, n_late = _kill_often(runner, command, kills, progress)
        wrong += kills - n_right
        outcome = f"{n_right} of {kills}"
        rows.append((f"fastmf {command.name}", source.name, str(kills), str(n_late), outcome))
        record.figures[f"kills {command.name}"] = {"kills": kills, "late": n_late, "right": n_right}
    columns = (
        *("command", "file", "kill -9", "came too late"),
        "right store from the next run, no rubbish left",
    )
    record.tables.append(Table("Kills", columns, rows))
    record.notes.append(
        "Kills: SIGKILL to the command's own process at moments spread evenly over a whole run, "
        "with no store before it; the same command again, and the store it made, or that train "
        "keeps for itself, compared by checksum with one that was never disturbed."
    )
    if wrong:
        raise BenchError(f"{wrong} kills left a wrong store or rubbish")


def _kill_often(
    runner: Runner, command: _Command, kills: int, progress: Progress
) -> tuple[int, int]:
    """Return after how many kills all was right, and how many came too late."""

    def clear() -> None:
        shutil.rmtree(runner.stores, ignore_errors=True)
        (runner.stores / "made").mkdir(parents=True)

    def found() -> str | None:
        store = command.find_store()
        return None if store is None else runner.run("open", store, "--checksum").checksum

    for _ in range(2):  # the first run may have to compile
        clear()
        whole = run_command(command.line, env=runner.environment).wall_seconds
    expected = found()
    if expected is None:
        raise BenchError(f"fastmf {command.name} left no store")
    moments = random.Random(0)
    n_right, n_late = 0, 0
    for kill in range(1, kills + 1):
        clear()
        moment = (kill - 1 + moments.random()) / kills * whole
        n_late += not run_killed(command.line, moment, env=runner.environment)
        # What has the name must be whole, even before the next run.
        right = found() in (None, expected)
        run_command(command.line, env=runner.environment)
        rubbish = [path for path in runner.stores.rglob(".*") if path.is_dir()]
        right = right and found() == expected and not rubbish
        n_right += right
        outcome = "right" if right else f"WRONG, left over: {[path.name for path in rubbish]}"
        progress.say(
            f"{command.name}, kill {kill}/{kills} after {moment:.2f} of {whole:.2f} s: {outcome}"
        )
    return n_right, n_late

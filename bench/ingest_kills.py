"""Kills `fastmf convert` at random moments, and looks at what is left and what comes next."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.harness import Progress, Record, Table
from bench.ingest_children import Runner
from bench.process import BenchError, run_command, run_killed


def add_kills(
    record: Record,
    runner: Runner,
    fastmf: Sequence[str],
    source: Path,
    kills: int,
    progress: Progress,
) -> None:
    """Kill as often as asked for, at moments spread evenly over what a whole run takes.

    Raises
    ------
    BenchError
        Any run after a kill left another store, or anything of the killed one was left over.
    """
    target = runner.stores / "converted" / "ratings.store"
    command = [*fastmf, "convert", str(source), str(target), "--quiet"]

    def clear() -> None:
        shutil.rmtree(runner.stores, ignore_errors=True)
        target.parent.mkdir(parents=True)

    def found() -> str | None:
        return runner.run("open", target, "--checksum").checksum

    clear()
    whole = run_command(command, env=runner.environment).wall_seconds
    expected = found()
    moments = random.Random(0)
    n_right, n_late = 0, 0
    for kill in range(1, kills + 1):
        clear()
        moment = (kill - 1 + moments.random()) / kills * whole
        n_late += not run_killed(command, moment, env=runner.environment)
        # What has the name must be whole, even before the next run.
        right = not target.exists() or found() == expected
        run_command(command, env=runner.environment)
        rubbish = [path for path in runner.stores.rglob(".*") if path.is_dir()]
        right = right and found() == expected and not rubbish
        n_right += right
        outcome = "right" if right else f"WRONG, left over: {[path.name for path in rubbish]}"
        progress.say(f"kill {kill}/{kills} after {moment:.2f} of {whole:.2f} s: {outcome}")
    row = (source.name, str(kills), str(n_late), f"{n_right} of {kills}")
    columns = ("file", "kill -9", "came too late", "right store from the next run, no rubbish left")
    record.tables.append(Table("Kills of fastmf convert", columns, [row]))
    record.figures["kills"] = {"kills": kills, "late": n_late, "right": n_right}
    record.notes.append(
        "Kills: SIGKILL at moments spread evenly over a whole run, with no store before it; the "
        "same command again, and its store compared by checksum with one that was never disturbed."
    )
    if n_right < kills:
        raise BenchError(f"{kills - n_right} of {kills} kills left a wrong store or rubbish")

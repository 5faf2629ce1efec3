"""Damaged files of every layout: a right answer or one clear line, whatever the bytes."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import click

from bench.fuzzing.judge import Verdict
from bench.fuzzing.makers import MAKERS, make_case
from bench.fuzzing.process import Judge, failure_kind, smallest
from bench.harness import Progress, Record, Table
from bench.process import BenchError

OUTCOMES = ("read", "skipped", "refused", "wrong", "raised", "died", "hung")
# So many failures of one kind are enough to see what is wrong.
SHRUNK_OF_A_KIND = 1
SHOWN_BYTES = 300


@dataclass
class Failure:
    """A case that must not be, and the files that show it."""

    reader: str
    number: int
    verdict: Verdict
    what: str
    files: dict[str, bytes]


@dataclass
class Tally:
    """What came of the cases of one reader."""

    reader: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        counts = (self.outcomes[outcome] for outcome in OUTCOMES)
        total = sum(self.outcomes.values())
        return (self.reader, *(f"{n:,}" for n in (total, *counts)), f"{self.seconds:.0f}")


def fuzz_reader(reader: str, seed: int, numbers: range, timeout: float) -> Tally:
    """Judge cases of one reader.

    Parameters
    ----------
    reader : str
        A key of `MAKERS`.
    seed : int
        Of all cases.
    numbers : range
        Which cases.
    timeout : float
        Seconds after which a case counts as hanging.

    Returns
    -------
    Tally
    """
    tally = Tally(reader)
    started = time.perf_counter()
    seen: Counter[tuple[str, str]] = Counter()
    with Judge(timeout) as judge:
        for number in numbers:
            verdict = judge(reader, seed, number)
            tally.outcomes[verdict.outcome] += 1
            if not verdict.failed:
                continue
            case = make_case(reader, seed, number)
            kind = failure_kind(verdict)
            seen[kind] += 1
            files = case.files
            if seen[kind] <= SHRUNK_OF_A_KIND:
                files = smallest(judge, reader, seed, number, verdict)
            tally.failures.append(Failure(reader, number, verdict, case.what, files))
    tally.seconds = time.perf_counter() - started
    return tally


def write_failure(failure: Failure, seed: int, out: Path) -> str:
    """Write the files that show a failure, and say how to see it again.

    Parameters
    ----------
    failure : Failure
        What to write.
    seed : int
        Of all cases.
    out : pathlib.Path
        Where to write to.

    Returns
    -------
    str
        A few lines.
    """
    lines = [
        f"{failure.reader}, case {failure.number} ({failure.what}): {failure.verdict.outcome}: "
        f"{failure.verdict.why}",
        f"  again: python -m bench fuzz --seed {seed} --reader {failure.reader} "
        f"--case {failure.number}",
    ]
    folder = out / f"fuzz-{failure.reader}-{seed}-{failure.number}"
    for name, data in failure.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        lines.append(f"  {path}: {data[:SHOWN_BYTES]!r}")
    return "\n".join(lines)


@click.command("fuzz")
@click.option("--cases", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--reader",
    "readers",
    multiple=True,
    type=click.Choice(list(MAKERS)),
    help="Only this one, or these.  [default: all]",
)
@click.option("--case", "only", type=click.IntRange(min=0), help="Only the case of this number.")
@click.option("--timeout", type=float, default=20.0, show_default=True, help="Seconds a case.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the JSON and the Markdown file, and the files that show failures.",
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def fuzz(
    *,
    cases: int,
    seed: int,
    readers: tuple[str, ...],
    only: int | None,
    timeout: float,
    workers: int,
    out: Path,
    quiet: bool,
) -> None:
    """Small files of every layout, damaged at random, read in a process of their own.

    Each must come to ratings or to one line of complaint, with bad rows refused and with bad rows
    left out; where the answer is known, to that answer. Failures are printed with what makes them
    again.
    """
    progress = Progress(quiet=quiet)
    chosen = readers or tuple(MAKERS)
    numbers = range(cases) if only is None else range(only, only + 1)
    tallies: list[Tally] = []
    with ThreadPoolExecutor(workers) as pool:
        runs = [pool.submit(fuzz_reader, reader, seed, numbers, timeout) for reader in chosen]
        for run in runs:
            tally = run.result()
            counts = ", ".join(f"{n:,} {name}" for name, n in tally.outcomes.items())
            progress.say(f"{tally.reader}: {counts} in {tally.seconds:.0f} s")
            tallies.append(tally)
    failures = [failure for tally in tallies for failure in tally.failures]
    record = Record("fuzz", {"cases a reader": len(numbers), "seed": seed, "timeout": timeout})
    record.figures = {tally.reader: dict(tally.outcomes) for tally in tallies}
    headings = ("reader", "cases", *OUTCOMES, "seconds")
    record.tables.append(Table("What came of it", headings, [tally.row() for tally in tallies]))
    record.notes.append(
        "Read: ratings came of it. Skipped: once rows that cannot be used were left out. Refused: "
        "by one line. Wrong, raised, died, hung: what must not be."
    )
    for path in record.write(out):
        progress.say(f"wrote {path}")
    click.echo(record.markdown())
    for failure in failures:
        click.echo(write_failure(failure, seed, out))
    if failures:
        raise BenchError(f"{len(failures):,} of {len(numbers) * len(chosen):,} cases failed")

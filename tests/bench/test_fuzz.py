"""Damaged files: a sample of the bench's cases, and whether the bench would see a failure."""

import json
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.fuzz import Failure, fuzz_reader, write_failure
from bench.fuzzing import judge as judging
from bench.fuzzing import process
from bench.fuzzing.cases import Case, Row
from bench.fuzzing.judge import Verdict, judge
from bench.fuzzing.makers import MAKERS, make_case
from bench.fuzzing.process import Judge, smallest
from fastmf.errors import DataError

SAMPLE = 40
ROWS = [Row("1", "2", 3.0, 86_400), Row("4", "5", 1.0, 86_400), Row("4", "2", 2.0, 86_400)]
TEXT = b"1,2,3,86400\n4,5,1,86400\n4,2,2,86400\n"
SOUND = Case({"r.csv": TEXT}, "r.csv", "same", ROWS)


@pytest.fixture(autouse=True)
def _temporary_stores(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture(scope="module")
def apart():
    """Judge in a process of its own, which may die."""
    with Judge(timeout=60) as ask:
        yield ask


@pytest.mark.parametrize("reader", sorted(MAKERS))
def test_damaged_files_come_to_ratings_or_to_one_line(reader, apart):
    outcomes = set()
    for number in range(SAMPLE):
        verdict = apart(reader, 0, number)
        assert not verdict.failed, f"case {number}: {verdict}"
        outcomes.add(verdict.outcome)
    assert "read" in outcomes
    assert len(outcomes) > 1


@pytest.mark.parametrize("reader", sorted(MAKERS))
def test_cases_are_made_again_from_their_numbers(reader):
    if reader != "store":  # whose files tell the program's version and time
        assert make_case(reader, 3, 5) == make_case(reader, 3, 5)
    assert make_case(reader, 3, 5).files != make_case(reader, 3, 6).files


def test_what_is_right_is_read(tmp_path):
    assert judge(SOUND, tmp_path) == Verdict("read")


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (replace(SOUND, expected=ROWS[:2]), "3 rows, not the 2 that are in it"),
        (replace(SOUND, expected=[*ROWS, Row("9", "9", 1, 0)]), "3 rows, not the 4"),
        (replace(SOUND, expected=[ROWS[0]._replace(rating=5), *ROWS[1:]]), "or others"),
        (replace(SOUND, expected=[ROWS[0]._replace(time=5), *ROWS[1:]]), "other times"),
        (replace(SOUND, n_bad=1), "no complaint"),
        (replace(SOUND, files={"r.csv": b"1,2\n"}), "refused, though nothing is wrong"),
        (replace(SOUND, expected=None, survivors=[Row("7", "7", 1, 0)]), "lost 1 sound row"),
        (replace(SOUND, expected=None, whole=[*ROWS, Row("7", "7", 1, 0)]), "cut short, and read"),
    ],
)
def test_wrong_answers_are_seen(tmp_path, case, why):
    verdict = judge(case, tmp_path)
    assert verdict.outcome == "wrong"
    assert why in verdict.why


def test_wrong_items_are_seen(tmp_path):
    text = {"items.csv": b"item,title\n2,A\n5,B\n"}
    case = Case(text, "items.csv", "same", ROWS[:2], items=True)
    assert judge(case, tmp_path) == Verdict("read")
    assert judge(replace(case, expected=ROWS[:1]), tmp_path).outcome == "wrong"
    broken = replace(case, files={"items.csv": b"no titles"})
    assert judge(broken, tmp_path).outcome == "wrong"
    assert judge(replace(broken, expected=None), tmp_path).outcome == "refused"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError("surprise"), "raised"),
        (MemoryError(), "raised"),
        (DataError("two\nlines"), "wrong"),
        (DataError("x" * 5000), "wrong"),
        (DataError("one line"), "refused"),
    ],
)
def test_exceptions_are_told_apart(tmp_path, monkeypatch, error, outcome):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(judging, "read_ratings", fail)
    assert judge(replace(SOUND, expected=None), tmp_path).outcome == outcome


def test_leaving_out_rows_must_not_change_a_sound_answer(tmp_path, monkeypatch):
    read = judging.read_ratings

    def forgetful(path, *, on_bad_rows, **options):
        if on_bad_rows == "skip":
            path = path.with_name("shorter.csv")
            path.write_bytes(TEXT[12:])
        return read(path, on_bad_rows=on_bad_rows, **options)

    monkeypatch.setattr(judging, "read_ratings", forgetful)
    verdict = judge(replace(SOUND, expected=None), tmp_path)
    assert verdict == Verdict("wrong", "3 rows, but 2 where bad ones are left out")


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        ("import time; time.sleep(60)", Verdict("hung", "no answer within 0.5 s")),
        ("import os; os.abort()", Verdict("died", "the process ended by SIGABRT")),
        ("raise SystemExit(3)", Verdict("died", "the process ended by status 3")),
    ],
)
def test_processes_that_hang_or_die_are_seen(monkeypatch, program, verdict):
    monkeypatch.setattr(process, "FIRST_TIMEOUT", 0.5)
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", program))
    with Judge(0.5) as ask:
        assert ask("csv", 0, 0) == verdict
        assert ask("csv", 0, 1) == verdict


def test_files_that_show_a_failure_are_made_small(monkeypatch):
    """Fails on every file that holds a line of a 7, whatever else is in it."""

    def fake(reader, seed, number, files=None):
        held = any(b"7" in data for data in files.values())
        return Verdict("raised", f"ValueError in x.py:1: {files}") if held else Verdict("read")

    data = bytes(range(ord("1"), ord("9"))) * 30
    monkeypatch.setattr(process, "make_case", lambda *_: Case({"r.csv": data}, "r.csv", ""))
    found = Verdict("raised", "ValueError in x.py:1: other words")
    assert smallest(fake, "csv", 0, 0, found) == {"r.csv": b"7"}
    assert smallest(fake, "csv", 0, 0, Verdict("wrong", "x")) == {"r.csv": data}


def test_failures_are_written_with_what_makes_them_again(tmp_path):
    failure = Failure("csv", 7, Verdict("raised", "why"), "cut at 3", {"r.csv": b"a,b"})
    text = write_failure(failure, 5, tmp_path)
    assert "python -m bench fuzz --seed 5 --reader csv --case 7" in text
    assert (tmp_path / "fuzz-csv-5-7" / "r.csv").read_bytes() == b"a,b"


def test_a_failing_case_is_counted_and_shown(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "FIRST_TIMEOUT", 0.5)
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    monkeypatch.setattr(process, "MOST_ATTEMPTS", 2)
    assert fuzz_reader("csv", 0, range(1), 0.5).outcomes == {"died": 1}
    command = ["fuzz", "--cases", "1", "--reader", "csv", "--out", str(tmp_path), "--quiet"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "Error: 1 of 1 cases failed" in result.stderr
    assert "died: the process ended by status 3" in result.stdout


def test_the_bench_writes_a_table(tmp_path):
    command = ["fuzz", "--cases", "4", "--reader", "tsv", "--reader", "items", "--quiet"]
    result = CliRunner().invoke(main, [*command, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    (path,) = tmp_path.glob("fuzz-*.json")
    record = json.loads(path.read_text())
    assert {reader: sum(n.values()) for reader, n in record["figures"].items()} == {
        "tsv": 4,
        "items": 4,
    }

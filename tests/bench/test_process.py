import sys
import time
from pathlib import Path

import pytest

from bench.process import BenchError, run_command, run_watched

NOTHING = Path("/nowhere/at/all")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


MEASURE = """
import sys
from bench.process import run_command
code = "import time; block = b'x' * 120_000_000; time.sleep(0.2); print(len(block))"
finished = run_command([sys.executable, "-c", code])
assert finished.stdout == "120000000\\n"
assert 0.2 <= finished.wall_seconds < 10
assert 120_000_000 < finished.peak_rss_bytes < 400_000_000, finished.peak_rss_bytes
"""


def test_run_command_measures_wall_and_peak_memory():
    # From a process of its own: one that holds much memory itself would show in the peak.
    run_command(python(MEASURE))


def test_run_command_passes_the_environment():
    finished = run_command(
        python("import os; print(os.environ['BENCH_TEST'])"), env={"BENCH_TEST": "yes"}
    )
    assert finished.stdout == "yes\n"


def test_failures_are_one_line_with_the_programs_own_last_words():
    with pytest.raises(BenchError, match="status 3: no such thing"):
        run_command(python("import sys; print('no such thing', file=sys.stderr); sys.exit(3)"))
    with pytest.raises(BenchError, match=r"cannot run .*nowhere"):
        run_command(["/nowhere/at/all"])
    with pytest.raises(BenchError, match="status 2: said on the terminal"):
        run_watched(python("print('said on the terminal'); raise SystemExit(2)"), watch=NOTHING)


def test_watched_lines_are_stamped_when_printed_without_a_flush():
    # to a pipe both lines would come at the end, together
    code = "import time; print('one'); time.sleep(0.3); print('two'); time.sleep(0.3)"
    watched = run_watched(python(code), watch=NOTHING)
    assert [line.text for line in watched.lines] == ["one", "two"]
    one, two = (line.seconds for line in watched.lines)
    assert 0.25 <= two - one < 3.0
    assert watched.wall_seconds - two >= 0.25
    assert watched.last_open_seconds is None


def test_last_line_without_an_end_is_kept():
    watched = run_watched(python("print('whole'); print('part', end='')"), watch=NOTHING)
    assert [line.text for line in watched.lines] == ["whole", "part"]


# What files a process has open is read from /proc; elsewhere reading is not told from set-up.
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_end_of_reading_is_seen(tmp_path):
    path = tmp_path / "ratings.txt"
    path.write_text("0 0 1\n")
    code = (
        "import sys, time; file = open(sys.argv[1]); time.sleep(0.3); file.close();"
        "time.sleep(0.3); print('header'); file = open(sys.argv[1]); time.sleep(0.2)"
    )
    start = time.perf_counter()
    watched = run_watched([*python(code), str(path)], watch=path)
    assert time.perf_counter() - start >= watched.wall_seconds
    assert watched.last_open_seconds is not None
    # opened again after the first line: that is not reading any more
    assert 0.25 <= watched.lines[0].seconds - watched.last_open_seconds < 3.0

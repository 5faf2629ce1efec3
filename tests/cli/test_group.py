"""The root command: help that is quick, errors in one line, pipes that close."""

import json

import click
import pytest
from click.testing import CliRunner

from fastmf import load_model
from fastmf.cli.group import COMMANDS, CommandGroup, fastmf
from fastmf.errors import DataError

HEAVY = ("numpy", "numba", "pandas", "pyarrow", "scipy", "tqdm")


@pytest.mark.parametrize("code", ["fastmf.main(['--help'])", "fastmf.main(['--version'])"])
def test_help_imports_nothing_heavy(start, code):
    script = f"""
import sys, json
from fastmf.cli import fastmf
try:
    {code}
except SystemExit as end:
    assert not end.code
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    process = start(script=script)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1]) == []


def test_help_lists_every_command(run):
    listed = run("--help").stdout
    assert "matrix factorization and neural networks" in " ".join(listed.split())
    assert all(f"\n  {name} " in listed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(run, name):
    text = run(name, "--help").stdout
    assert f"Usage: fastmf {name}" in text
    assert f"  fastmf {name}" in text[text.index("Example") :]


def test_version(run):
    assert run("--version").stdout.startswith("fastmf, version ")


def test_an_unknown_command_is_wrong_usage(run):
    assert "No such command" in run("trian", status=2).stderr


def failing(error):
    @click.command()
    def fail():
        raise error

    class Group(CommandGroup):
        def get_command(self, ctx, cmd_name):
            return fail

    return CliRunner().invoke(Group("fastmf"), ["fail"])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("ratings.csv, line 3: bad"), "ratings.csv, line 3: bad"),
        (OSError(28, "No space left on device", "out.csv"), "out.csv: No space left on device"),
        (KeyboardInterrupt(), "interrupted: no result was written"),
        (MemoryError("Unable to allocate 9 GiB"), "out of memory (Unable to allocate 9 GiB)"),
        (ValueError("of several\nlines"), "unexpected ValueError: of several lines"),
    ],
)
def test_every_error_is_one_line_and_status_1(error, line):
    result = failing(error)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"fastmf: error: {line}")
    assert result.stderr.count("\n") == 1


def test_an_unexpected_error_shows_its_traceback_when_asked_to(monkeypatch):
    monkeypatch.setenv("FASTMF_DEBUG", "1")
    result = failing(ZeroDivisionError("division by zero"))
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError" in result.stderr.splitlines()[-1]


def test_a_closed_pipe_is_silent(start, model):
    process = start("recommend", model, "--all-users", "-n", 60, "--quiet")
    assert process.stdout.readline().startswith("User ")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait(timeout=60)


def test_the_group_is_what_the_console_script_runs():
    assert fastmf.name == "fastmf"


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_a_closed_stream_loses_what_is_said_but_no_model(start, ratings, workplace, closed):
    closing = "".join(f"import os; os.close({number})\n" for number in closed.split())
    script = f"""{closing}
import sys, subprocess
arguments = ["train", {str(ratings)!r}, "--factors", "2", "--epochs", "2", "--out", "m"]
command = [sys.executable, "-m", "fastmf", *arguments]
os._exit(subprocess.run(command, close_fds=False).returncode)
"""
    process = start(script=script)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "Error" not in out + err
    assert load_model(workplace / "m").epochs_run_ == 2


def test_a_closed_pipe_of_progress_does_not_end_training(start, ratings, workplace):
    process = start("train", ratings, "--factors", 2, "--epochs", 300, "--patience", 0)
    assert process.stderr.readline()
    process.stderr.close()
    process.stdout.read()
    assert process.wait(timeout=60) == 0
    assert load_model(workplace / "ratings.model").epochs_run_ == 300


def test_arguments_that_are_no_text_are_wrong_usage(run):
    for arguments in (
        ("recommend", "m", "--user", "\udcff"),
        ("similar", "m", "--item", "\udcff"),
        ("train", "r.csv", "--user-column", "\udcff"),
    ):
        assert "not valid UTF-8" in run(*arguments, status=2).stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates"), "not valid UTF-8"),
        (UnicodeEncodeError("ascii", "aß", 1, 2, "range"), "PYTHONUTF8=1"),
    ],
)
def test_text_that_cannot_be_written_is_one_line(error, line):
    result = failing(error)
    assert line in result.stderr
    assert "fault in fastmf" not in result.stderr


def test_a_loop_of_links_is_one_line(run, workplace):
    (workplace / "loop").symlink_to("loop")
    assert "fastmf: error: loop: no such file" in run("train", "loop", status=1).stderr


def test_an_empty_path_is_wrong_usage(run):
    assert "an empty name names no file" in run("inspect", "", status=2).stderr

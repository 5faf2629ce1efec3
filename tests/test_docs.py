"""Every command and snippet in the README and under docs/ runs, and prints what it says there."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
# Times, rates and memory are the machine's.
MEASURED = ("seconds", "speed", "peak memory")


def blocks(page, language):
    return [body for kind, body in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def commands(body):
    """Split a console block into (command, expected output) pairs."""
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert parts[0] == "", "a console block begins with a command"
    return [part.split("\n", 1) for part in parts[1:]]


def same(expected, found):
    """Say whether two lines have the same words, and numbers within 1%."""
    if expected.strip().startswith(MEASURED):
        return expected.split()[0] == found.split()[0]
    words = [" ".join(NUMBER.sub("#", line).split()) for line in (expected, found)]
    numbers = [
        [float(n.replace(",", "")) for n in NUMBER.findall(line)] for line in (expected, found)
    ]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], rel=0.01)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Return a folder where the demo has run, and an environment whose cache is apart."""
    folder = tmp_path_factory.mktemp("docs")
    scripts = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "FASTMF_CACHE_DIR": str(folder / "cache"),
        "PATH": scripts + os.pathsep + os.environ["PATH"],
        "PYTHONPATH": str(ROOT),  # data_tools is used from a checkout
    }
    subprocess.run(["fastmf", "demo", "--quiet"], cwd=folder, env=environment, check=True)
    return folder, environment


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_console_blocks_print_what_they_say(page, workplace):
    folder, environment = workplace
    for body in blocks(page, "console"):
        for command, expected in commands(body):
            result = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert result.returncode == 0, (command, result.stderr)
            wanted, found = expected.rstrip().splitlines(), result.stdout.rstrip().splitlines()
            assert len(wanted) == len(found), (command, result.stdout)
            for line, got in zip(wanted, found, strict=True):
                assert (not line.strip() and not got.strip()) or same(line, got), (line, got)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_snippets_run(page, workplace, monkeypatch):
    folder, environment = workplace
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FASTMF_CACHE_DIR", environment["FASTMF_CACHE_DIR"])
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    names = {}
    for body in blocks(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(body, names, page.name, str(page), 0)
        runner = doctest.DocTestRunner(optionflags=flags)
        assert runner.run(test, clear_globs=False).failed == 0
        names = test.globs
    assert not blocks(page, "python"), "use pycon blocks: they are run, with their output"


def test_the_readme_has_the_two_commands_that_the_checks_run():
    text = (ROOT / "README.md").read_text("utf-8")
    for name in ("demo", "test"):
        command = re.search(rf"^<!-- {name} command -->\n```bash\n(.+)\n```$", text, re.MULTILINE)
        assert command, name
        assert shlex.split(command[1])[:3] == ["python", "-m", "venv"]
    assert "for name in demo test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_bash_blocks_are_only_the_two_commands():
    assert [len(blocks(page, "bash")) for page in PAGES] == [2] + [0] * (len(PAGES) - 1)


def test_every_command_has_help_and_is_in_the_readme():
    from fastmf.cli.group import COMMANDS

    text = (ROOT / "README.md").read_text("utf-8")
    missing = [
        name for name in COMMANDS if f"`{name}`" not in text and f"fastmf {name}" not in text
    ]
    assert not missing


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), (page.name, target)

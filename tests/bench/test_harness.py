import json

import pytest

from bench.harness import Progress, Record, Table, interleave, pairwise_ratio, spread


def test_interleave_runs_every_task_once_a_round_in_order(capsys):
    called = []
    tasks = {name: lambda name=name: called.append(name) or len(called) for name in ("a", "b", "c")}
    results = interleave(tasks, 3, Progress())
    assert called == ["a", "b", "c"] * 3
    assert results == {"a": [1, 4, 7], "b": [2, 5, 8], "c": [3, 6, 9]}
    said = capsys.readouterr()
    assert said.out == ""
    assert "9/9 round 3: c" in said.err


def test_quiet_progress_says_nothing(capsys):
    Progress(quiet=True).say("hello")
    assert capsys.readouterr() == ("", "")


def test_spread_keeps_the_runs():
    found = spread([3.0, 1.0, 2.0, 10.0])
    assert (found.median, found.minimum, found.maximum) == (2.5, 1.0, 10.0)
    assert found.values == (3.0, 1.0, 2.0, 10.0)
    assert found.show(1, " s") == "2.5 s (1.0-10.0)"
    assert spread([2.0]).show(2) == "2.00"


def test_ratios_are_taken_inside_a_round():
    # the machine was ten times slower in round 2, for both: the ratio of medians would be 2.0
    ratio = pairwise_ratio([4.0, 40.0, 6.0], [1.0, 20.0, 3.0])
    assert ratio.values == (4.0, 2.0, 2.0)
    assert ratio.median == 2.0
    with pytest.raises(ValueError, match="zip"):
        pairwise_ratio([1.0], [1.0, 2.0])


def make_record() -> Record:
    record = Record(
        "sgd",
        settings={"ratings": 20_000_000, "threads": [1, 2]},
        tables=[Table("Throughput", ("threads", "ratio"), [("1", "3.10"), ("2", "3.05")])],
        figures={"ratio": [3.1, 3.05]},
        skipped={"Surprise SVD": "not installed"},
        notes=["round by round"],
        versions={"fastmf": "9.9"},
        date="2026-03-01T10:20:30+00:00",
    )
    record.machine["cpu"] = "A Processor"
    return record


def test_record_is_written_whole_as_json_and_markdown(tmp_path):
    json_path, markdown_path = make_record().write(tmp_path / "results")
    assert json_path.name == "sgd-20260301T102030Z.json"
    assert sorted(path.name for path in json_path.parent.iterdir()) == [
        json_path.name,
        markdown_path.name,
    ]
    content = json.loads(json_path.read_text())
    assert content["figures"] == {"ratio": [3.1, 3.05]}
    assert content["versions"]["fastmf"] == "9.9"
    assert {"python", "numpy", "pyarrow"} <= content["versions"].keys()
    assert {"cpu", "cores", "memory_bytes", "os", "kernel"} <= content["machine"].keys()
    page = markdown_path.read_text()
    assert "| threads | ratio |\n| --- | --- |\n| 1 | 3.10 |\n| 2 | 3.05 |" in page
    assert "ratings: 20,000,000; threads: 1, 2." in page
    assert "- Surprise SVD: not installed" in page
    assert "A Processor" in page


def test_record_leaves_nothing_where_writing_fails(tmp_path):
    blocker = tmp_path / "results"
    blocker.write_text("a file, not a folder")
    with pytest.raises(FileExistsError):
        make_record().write(blocker)
    assert blocker.read_text() == "a file, not a folder"

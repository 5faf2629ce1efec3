"""Where a report may be written, and how."""

import os

import pytest

from fastmf.errors import DataError
from fastmf.report import check_html_target, write_html


def test_a_page_is_written_and_replaced(tmp_path):
    file = tmp_path / "a.html"
    for text in ("first", "second é \udc80"):
        check_html_target(file)
        write_html(file, text)
    assert file.read_bytes() == "second é ?".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("a.csv", "ends in .html"), ("folder.html", "is a folder"), ("no/a.html", "make it first")],
)
def test_other_places_are_refused(tmp_path, name, complaint):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(DataError, match=complaint):
        check_html_target(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.html")
    with pytest.raises(DataError, match="regular file"):
        check_html_target(tmp_path / "a.html")


def test_nothing_is_left_of_a_page_that_could_not_be_written(tmp_path, monkeypatch):
    file = tmp_path / "a.html"
    file.write_text("before")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left"):
        write_html(file, "after")
    assert file.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1

"""Where models may be saved, what is left in the place, and reading while it changes."""

import os
import shutil
import time

import pytest

from fastmf.errors import ModelFileError
from fastmf.model_file import check_model_target, header, load_model_file, save_model, saving
from fastmf.model_file.folder import replace_folder
from tests.model_file.example import assert_equal_models, make_parts

FILES = ("model.json", "arrays.safetensors", "users.arrow", "items.arrow")


def test_a_place_is_refused_before_training_as_it_is_when_saving(saved, tmp_path):
    folder, _ = saved
    (tmp_path / "empty").mkdir()
    for good in (folder, tmp_path / "empty", tmp_path / "new" / "deep"):
        check_model_target(good)
    (tmp_path / "pretends").mkdir()
    (tmp_path / "pretends" / "model.json").write_text('{"format": "other"}')
    (folder / "notes.txt").write_text("mine")
    for bad, message in [
        (folder, "notes.txt beside the saved model"),
        (tmp_path / "pretends", "is not a saved model"),
        (folder / "notes.txt", "is a file"),
        (tmp_path / ("x" * 300), "File name too long"),
        (folder / "notes.txt" / "model", "cannot be written"),
    ]:
        with pytest.raises(ModelFileError, match=message) as raised:
            check_model_target(bad)
        assert "\n" not in str(raised.value)
        with pytest.raises(ModelFileError):
            save_model(bad, **make_parts(seed=1))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_link_to_a_place_that_cannot_be_written_is_refused_before_training(tmp_path):
    locked = tmp_path / "locked"
    save_model(locked / "model", **make_parts())
    (tmp_path / "link").symlink_to(locked / "model")
    locked.chmod(0o500)
    with pytest.raises(ModelFileError, match="Permission denied"):
        check_model_target(tmp_path / "link")
    locked.chmod(0o700)


def test_a_header_past_what_is_read_is_refused_and_the_old_model_stays(saved, monkeypatch):
    folder, parts = saved
    others = make_parts(seed=1)
    others["record"]["names"] = ["é" * 1000] * 200  # six bytes each
    monkeypatch.setattr(header, "_HEADER_LIMIT", 1 << 20)
    with pytest.raises(ModelFileError, match=r"takes 1 MiB of model\.json, which may have 1;"):
        save_model(folder, **others)
    assert_equal_models(load_model_file(folder), parts)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    others["record"]["names"].pop()
    monkeypatch.setattr(header, "_HEADER_LIMIT", 1_200_000)
    save_model(folder, **others)
    assert_equal_models(load_model_file(folder), others)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_all_files_have_the_mode_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        save_model(tmp_path / "model", **make_parts())
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()}
    assert modes == dict.fromkeys(FILES, 0o666 & ~umask)


def test_what_killed_processes_left_is_cleared_by_the_next_save_there(saved, tmp_path):
    folder, parts = saved
    hidden = {}
    for target in ("model", "other"):
        # As it is called beside any target of that name.
        replace_folder(
            tmp_path / "else" / target, lambda place, name=target: hidden.update({name: place.stem})
        )
    then = {"old": time.time() - 7200, "new": time.time() - 60}
    for target, stem in hidden.items():
        for age, seconds in then.items():
            for ending in ("tmp", "old"):
                left = folder.parent / f"{stem}{target}{age}.{ending}"
                shutil.copytree(folder, left)
                for path in (*left.iterdir(), left):
                    os.utime(path, (seconds, seconds))
    n_before = len(list(tmp_path.iterdir()))
    save_model(folder, **parts)
    assert len(list(tmp_path.iterdir())) == n_before - 2
    assert not list(tmp_path.glob(".fastmf-*modelold*"))
    assert len(list(tmp_path.glob(".fastmf-*"))) == 6


@pytest.mark.parametrize("when", ["map_arrays", "read_ids", "_verify"])
def test_a_model_that_is_replaced_while_it_is_read_is_read_again(saved, monkeypatch, when):
    folder, _ = saved
    others = make_parts(seed=1)
    whole = getattr(saving, when)

    def replaced_first(*arguments):
        monkeypatch.setattr(saving, when, whole)
        save_model(folder, **others)
        return whole(*arguments)

    monkeypatch.setattr(saving, when, replaced_first)
    assert_equal_models(load_model_file(folder), others)


def test_a_model_that_is_replaced_all_the_time_is_one_line(saved, monkeypatch):
    folder, parts = saved
    whole = saving.map_arrays

    def replaced(*arguments):
        save_model(folder, **parts)
        return whole(*arguments)

    monkeypatch.setattr(saving, "map_arrays", replaced)
    with pytest.raises(ModelFileError, match="replaced again and again"):
        load_model_file(folder)

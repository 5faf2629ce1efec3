"""The model file: what is saved comes back, and nothing else is ever accepted."""

import json
import os
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file, save

from fastmf.data.ratings import Ratings
from fastmf.data.store import write_store
from fastmf.errors import ModelFileError
from fastmf.model_file import load_model_file, save_model
from fastmf.model_file import saving as model_file
from tests.model_file.example import assert_equal_models, make_parts

FILES = ("model.json", "arrays.safetensors", "users.arrow", "items.arrow")


def edit_header(folder, change):
    """Change the header and give it a checksum that fits again, as only malice would."""
    header = json.loads((folder / "model.json").read_text())
    del header["crc32"]
    change(header)
    text = json.dumps(header, sort_keys=True, separators=(",", ":"))
    header["crc32"] = f"{zlib.crc32(text.encode()):08x}"
    (folder / "model.json").write_text(json.dumps(header))


def replace_file(folder, name, data):
    """Replace a file and have the header vouch for the new one."""
    (folder / name).write_bytes(data)
    entry = {"bytes": len(data), "crc32": f"{zlib.crc32(data):08x}"}
    edit_header(folder, lambda header: header["files"].update({name: entry}))


def make_safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def arrow_file(*columns, names):
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([pa.array(column) for column in columns], names=names)
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def test_what_is_saved_comes_back(saved):
    folder, parts = saved
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert_equal_models(load_model_file(folder), parts)


def test_arrays_are_mapped_read_only(saved):
    folder, _ = saved
    for array in load_model_file(folder).arrays.values():
        assert not array.flags.writeable
        assert not array.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_arrays_are_ordinary_safetensors(saved):
    folder, parts = saved
    loaded = load_file(folder / "arrays.safetensors")
    for name, array in parts["arrays"].items():
        np.testing.assert_array_equal(loaded[name], array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 4), np.float32),
        np.float64(3.25) * np.ones(()),
        np.arange(12, dtype=np.int64).reshape(3, 4)[:, ::2],
        np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        np.arange(3, dtype=">f4"),
        np.arange(5, dtype=np.uint8),
        np.arange(5, dtype=np.int32),
    ],
    ids=["empty", "scalar", "strided", "fortran", "big-endian", "uint8", "int32"],
)
def test_arrays_of_every_layout(tmp_path, array):
    parts = make_parts()
    parts["arrays"]["other"] = array
    save_model(tmp_path / "model", **parts)
    loaded = load_model_file(tmp_path / "model").arrays["other"]
    assert loaded.shape == array.shape
    assert loaded.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(loaded, array)


def test_replacing_a_model(saved):
    folder, parts = saved
    opened = load_model_file(folder)
    others = make_parts(seed=1, n_users=3, n_items=2)
    save_model(folder, **others)
    assert_equal_models(load_model_file(folder), others)
    # What was mapped before stays whole.
    np.testing.assert_array_equal(opened.arrays["user_factors"], parts["arrays"]["user_factors"])
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_missing_parents_are_made_and_an_empty_folder_is_taken(tmp_path):
    parts = make_parts()
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "a" / "b" / "model"):
        save_model(place, **parts)
        assert_equal_models(load_model_file(place), parts)


def test_a_link_to_a_model_stays_a_link(saved):
    folder, _ = saved
    link = folder.parent / "link"
    link.symlink_to(folder)
    others = make_parts(seed=1)
    save_model(link, **others)
    assert link.is_symlink()
    assert_equal_models(load_model_file(folder), others)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["arrays"]["user_factors"].__setitem__((2, 1), np.nan), r"\[2, 1\] is nan"),
        (lambda p: p["arrays"]["item_bias"].__setitem__(3, np.inf), r"item_bias\[3\] is inf"),
        (lambda p: p["arrays"].update(user_bias=np.zeros(3, "f4")), "3 rows for 30 users"),
        (lambda p: p["arrays"].update(item_x=np.zeros((), "f4")), "0 rows for 20 items"),
        (lambda p: p["arrays"].update(names=np.array(["a"])), "names has type <U1"),
        (lambda p: p["record"].update(best=float("nan")), "JSON"),
        (lambda p: p["hyperparameters"].update(x=object()), "object does not fit into JSON"),
    ],
)
def test_what_cannot_be_saved(tmp_path, change, message):
    parts = make_parts()
    change(parts)
    with pytest.raises(ModelFileError, match=message):
        save_model(tmp_path / "model", **parts)
    assert list(tmp_path.iterdir()) == []


def test_other_folders_and_files_are_never_replaced(saved, tmp_path):
    folder, parts = saved
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    (tmp_path / "notes.txt").write_text("notes")
    (folder / "README").write_text("mine")
    for place, message in [
        (tmp_path / "photos", "is not a saved model"),
        (tmp_path / "notes.txt", "is a file"),
        (folder, "README beside the saved model"),
    ]:
        with pytest.raises(ModelFileError, match=message):
            save_model(place, **make_parts(seed=1))
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "cat"
    assert (tmp_path / "notes.txt").read_text() == "notes"
    assert_equal_models(load_model_file(folder), parts)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "notes.txt", "photos"]


def test_a_damaged_model_may_be_replaced(saved):
    folder, _ = saved
    (folder / "users.arrow").write_bytes(b"")
    others = make_parts(seed=1)
    save_model(folder, **others)
    assert_equal_models(load_model_file(folder), others)


@pytest.mark.parametrize("broken", ["write_arrays", "write_ids", "_measure"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_model_and_nothing_else(saved, monkeypatch, broken, error):
    folder, parts = saved

    def fail(*_):
        raise error(28, "No space left on device")

    monkeypatch.setattr(model_file, broken, fail)
    expected = ModelFileError if error is OSError else KeyboardInterrupt
    for place in (folder, folder.parent / "new" / "deep"):
        with pytest.raises(expected) as caught:
            save_model(place, **make_parts(seed=1))
        if expected is ModelFileError:
            assert "No space left on device" in str(caught.value)
    monkeypatch.undo()
    assert_equal_models(load_model_file(folder), parts)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_the_old_model_comes_back_when_the_new_one_cannot_take_its_name(saved, monkeypatch):
    folder, parts = saved
    rename = type(folder).rename

    def refuse(path, target):
        if path.name.endswith(".tmp"):
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(type(folder), "rename", refuse)
    with pytest.raises(ModelFileError, match="Permission denied"):
        save_model(folder, **make_parts(seed=1))
    assert_equal_models(load_model_file(folder), parts)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match="cannot write the model"):
        save_model(tmp_path / "file" / "model", **make_parts())


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_leaves_nothing_behind(tmp_path):
    # A real refusal by the system, in the middle of the arrays: files end at 64 kB.
    script = textwrap.dedent(
        """
        import resource, signal, sys
        import numpy as np
        from fastmf.data.vocabulary import Vocabulary
        from fastmf.errors import ModelFileError
        from fastmf.model_file import save_model
        ids = Vocabulary.from_ids(np.arange(int(sys.argv[2])))
        array = np.zeros((len(ids), int(sys.argv[3])), np.float32)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        try:
            save_model(sys.argv[1], kind="mf", hyperparameters={}, record={}, users=ids,
                       items=ids, arrays={"user_factors": array})
        except ModelFileError as error:
            print(error)
        """
    )
    for n_users, k in [("100", "1000"), ("20000", "0")]:  # the arrays, or only the ids, too large
        arguments = [sys.executable, "-c", script, str(tmp_path / "model"), n_users, k]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        assert "cannot write the model" in done.stdout
        assert len(done.stdout.splitlines()) == 1
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(saved, name):
    folder, _ = saved
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=name):
        load_model_file(folder)


@pytest.mark.parametrize("name", FILES[1:])
def test_a_truncated_file_is_named(saved, name):
    folder, _ = saved
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1])
    with pytest.raises(ModelFileError, match=f"{name} has {len(data) - 1} bytes"):
        load_model_file(folder)


def test_a_newer_version_says_to_upgrade(saved):
    folder, _ = saved
    edit_header(folder, lambda header: header.update(version=2, written_by="fastmf 9.0"))
    with pytest.raises(ModelFileError, match=r"version 2, written by fastmf 9\.0.*upgrade"):
        load_model_file(folder)


def test_what_is_not_a_model_is_described(tmp_path):
    (tmp_path / "empty").mkdir()
    write_store(Ratings.from_arrays([1, 1, 2], [1, 2, 1], [3.0, 4.0, 5.0]), tmp_path / "store")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.json").write_text("[]")
    (tmp_path / "other" / "b.csv").write_text("")
    (tmp_path / "ratings.csv").write_text("")
    for name, message in [
        ("nowhere", "no such folder"),
        ("empty", "the folder is empty"),
        ("store", "store of ratings"),
        ("other", r"no model\.json, but a\.json, b\.csv"),
        ("ratings.csv", "it is a file"),
    ]:
        with pytest.raises(ModelFileError, match=message):
            load_model_file(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not the header of a model"),
        (b'{"format": "other"}', "not the header of a model"),
        (b'{"format": "fastmf-model"}', "checksum"),
        (b'{"format": "fastmf-model", "x": NaN}', "checksum"),
    ],
)
def test_malformed_headers(saved, text, message):
    folder, _ = saved
    (folder / "model.json").write_bytes(text)
    with pytest.raises(ModelFileError, match=message):
        load_model_file(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.pop("kind"),
        lambda h: h.update(version="1"),
        lambda h: h.update(version=0),
        lambda h: h.update(record=[]),
        lambda h: h.update(hyperparameters=3),
        lambda h: h["files"].pop("users.arrow"),
        lambda h: h["files"].update({"../../secret": h["files"].pop("users.arrow")}),
        lambda h: h["files"].update({"/etc/passwd": h["files"]["users.arrow"]}),
        lambda h: h["files"].update({"users.arrow": "x"}),
        lambda h: h["files"]["users.arrow"].pop("bytes"),
        lambda h: h["files"]["users.arrow"].update(crc32=None),
    ],
)
def test_headers_that_vouch_for_nonsense(saved, change):
    folder, _ = saved
    edit_header(folder, change)
    with pytest.raises(ModelFileError):
        load_model_file(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", "nan"),
        ("mean", True),
        ("mean", 10**400),
        ("offset", None),
        ("spread", "nan"),
        ("baseline_mean", [3.5]),
        ("train_rmse", "0.9"),
        ("rating_range", [5.0, 1.0]),
        ("rating_range", [1.0, "inf"]),
        ("rating_range", [1.0]),
        ("n_ratings", -1),
        ("n_ratings", 2.5),
        ("n_ratings", 1 << 80),
        ("best_epoch", 0),
        ("best_epoch", 2),
        ("history", {}),
        ("history", [3]),
        ("history", [{"epoch": 1, "train_rmse": None}]),
        ("history", [{"epoch": 1, "valid_rmse": "0.9"}]),
        ("source", 7),
        ("stopped", None),
        ("seconds", {"train": "long"}),
        ("schedule", 3),
    ],
)
def test_records_that_vouch_for_nonsense(saved, name, value):
    folder, _ = saved
    edit_header(folder, lambda header: header["record"].update({name: value}))
    with pytest.raises(ModelFileError, match=rf"model\.json is damaged: {name} "):
        load_model_file(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_arrays_that_vouch_for_numbers_that_are_not_finite(saved, bad, kind):
    folder, parts = saved
    array = parts["arrays"]["user_factors"].astype(kind)
    array[3, 2] = bad
    written = save({**parts["arrays"], "user_factors": array})
    replace_file(folder, "arrays.safetensors", written)
    with pytest.raises(ModelFileError, match=r"damaged: user_factors\[3, 2\] is -?(nan|inf)"):
        load_model_file(folder)


def test_numbers_whose_sum_is_past_the_floats_are_finite(tmp_path):
    parts = make_parts()
    parts["arrays"]["item_bias"][:] = 3e38
    save_model(tmp_path / "large", **parts)
    assert_equal_models(load_model_file(tmp_path / "large"), parts)


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x02",
        (1 << 63).to_bytes(8, "little"),
        make_safetensors(b"{"),
        make_safetensors([]),
        make_safetensors({"a": 1}),
        make_safetensors({"a": entry()}),
        make_safetensors({"a": entry()}, bytes(12)),
        make_safetensors({"a": entry(offsets=(4, 12))}, bytes(12)),
        make_safetensors({"a": entry(), "b": entry()}, bytes(8)),
        make_safetensors({"a": entry(shape=[3])}, bytes(8)),
        make_safetensors({"a": entry(shape=[-1, -2])}, bytes(8)),
        make_safetensors({"a": entry(shape=[2.0])}, bytes(8)),
        make_safetensors({"a": entry(shape=[True, 2])}, bytes(8)),
        make_safetensors({"a": entry(shape=[2] + [1] * 99)}, bytes(8)),
        make_safetensors({"a": entry(shape=[0, 1 << 80], offsets=(0, 0))}),
        make_safetensors({"a": entry(offsets=(0, 4, 4, 8))}, bytes(8)),
        make_safetensors({"a": entry(offsets=("0", "8"))}, bytes(8)),
        make_safetensors({"a": entry(dtype="BF16", shape=[4])}, bytes(8)),
        make_safetensors({"a": entry("U8", [1], [0, 1]), "b": entry(offsets=(1, 9))}, bytes(9)),
    ],
)
def test_array_files_that_vouch_for_nonsense(saved, data):
    folder, _ = saved
    replace_file(folder, "arrays.safetensors", data)
    with pytest.raises(ModelFileError, match="damaged"):
        load_model_file(folder)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ARROW1\0\0ARROW1",
        arrow_file([1, 2], names=["id"])[:-9],
        arrow_file([1, 2], names=["user"]),
        arrow_file([1, 2], [1, 2], names=["id", "more"]),
        arrow_file([1, 1], names=["id"]),
        arrow_file([1, None], names=["id"]),
        arrow_file([1.5, 2.0], names=["id"]),
        arrow_file([1, 2], names=["id"]),  # sound, but not as many as there are users
    ],
)
def test_id_files_that_vouch_for_nonsense(saved, data):
    folder, _ = saved
    replace_file(folder, "users.arrow", data)
    with pytest.raises(ModelFileError):
        load_model_file(folder)


@pytest.mark.parametrize("name", FILES)
def test_random_damage_is_refused_or_harmless(saved, name):
    folder, parts = saved
    whole = (folder / name).read_bytes()
    rng = np.random.default_rng(len(name))
    for trial in range(150):
        data = bytearray(whole)
        kind = trial % 4
        place = int(rng.integers(len(data)))
        if kind == 0:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[place] = int(rng.integers(256))
        elif kind == 2:
            del data[place:]
        else:
            del data[place : place + int(rng.integers(1, 20))]
        (folder / name).write_bytes(data)
        try:
            model = load_model_file(folder)
        except ModelFileError as error:
            assert "\n" not in str(error)
        else:
            assert_equal_models(model, parts)


def test_damage_that_the_header_vouches_for_is_refused_or_loads(saved):
    # A forger can fit the checksums; the parsers must still hold.
    folder, _ = saved
    rng = np.random.default_rng(9)
    name = "arrays.safetensors"
    whole = (folder / name).read_bytes()
    header_end = 8 + int.from_bytes(whole[:8], "little")
    for _ in range(300):
        data = bytearray(whole)
        data[int(rng.integers(header_end))] = int(rng.integers(256))
        replace_file(folder, name, bytes(data))
        try:
            load_model_file(folder)
        except ModelFileError as error:
            assert "\n" not in str(error)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_an_unreadable_file_is_one_clear_line(saved):
    folder, _ = saved
    (folder / "model.json").chmod(0)
    with pytest.raises(ModelFileError, match="Permission denied"):
        load_model_file(folder)

"""Lists of movies and users: the probe and the qualifying list of the Netflix Prize."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.readers import netflix_lists
from fastmf.data.readers.netflix_lists import read_pair_list
from fastmf.errors import DataError

PROBE = "1:\n30878\n2647871\n10:\n1952305\n"
QUALIFYING = "1:\n30878,2005-12-19\n2647871,2005-12-23\n10:\n1952305,2005-11-01\n"


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("text", [PROBE, QUALIFYING])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.rstrip(),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("10:", "5:\n\n10: "),
        lambda text: gzip.compress(text.encode()),
    ],
)
def test_pairs_are_read(tmp_path, text, change):
    users, items = read_pair_list(write(tmp_path / "probe.txt", change(text)))
    assert users.dtype == items.dtype == np.int64
    assert users.tolist() == [30878, 2647871, 1952305]
    assert items.tolist() == [1, 1, 10]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 17770), st.lists(st.integers(1, 2649429), max_size=8)), max_size=20
    ),
    st.integers(16, 64),
)
def test_any_cut_gives_the_same_pairs(tmp_path_factory, movies, chunk_bytes):
    expected = [(user, movie) for movie, users in movies for user in users]
    text = "".join(f"{movie}:\n" + "".join(f"{u}\n" for u in users) for movie, users in movies)
    path = write(tmp_path_factory.mktemp("pairs") / "probe.txt", text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(netflix_lists, "_CHUNK_BYTES", chunk_bytes)
        if not expected:
            with pytest.raises(DataError, match="no users and movies in it"):
                read_pair_list(path)
            return
        users, items = read_pair_list(path)
    assert list(zip(users.tolist(), items.tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1:\n5\nx\n", "line 3: the user id is 'x', not a whole number"),
        ("1:\n5\n007\n", "line 3: the user id is '007'"),
        ("1:\n5\n6,2005-02-30\n", "line 3: the date is '2005-02-30'"),
        ("1:\n5\nx:\n6\n", "line 3: the movie id is 'x'"),
        ("5\n1:\n6\n", "line 1: no movie is named above this line"),
        ("1:\n5\n6,3,2005-01-01\n", "line 3: 3 fields instead of 1 or 2 (user, date)"),
        (
            "1:\n5,3,2005-01-01\n",
            "line 2: 3 fields instead of 1 or 2 (user, date); this is no list",
        ),
        ("user,item\n5,1\n", "line 1: the user id is 'user'"),
        ("", "no users and movies in it"),
    ],
)
def test_anything_else_is_one_line(tmp_path, text, says):
    path = write(tmp_path / "probe.txt", text)
    with pytest.raises(DataError) as raised:
        read_pair_list(path)
    assert str(raised.value).startswith(str(path))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt: cannot be read: No such file"):
        read_pair_list(tmp_path / "none.txt")
    damaged = write(tmp_path / "a.gz", gzip.compress(PROBE.encode() * 999)[:-20])
    with pytest.raises(DataError, match=r"a\.gz: cannot be read"):
        read_pair_list(damaged)

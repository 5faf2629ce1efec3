"""Where the rows of a batch lie, and what asking for them does: nothing that can be seen."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from fastmf.data.arrays import frozen
from fastmf.kernels.batch_rows import ask_for_rows, offsets_of_rows
from tests.reference import batch_rows as reference

WORDS = st.sampled_from([0, 1, 2**24 - 1, 2**24, 2**30 - 1, 2**30, 2**31, 2**32 - 1]) | st.integers(
    0, 2**32 - 1
)
ROW = 16 * 3


@settings(deadline=None, max_examples=100)
@given(arrays(np.uint32, 20, elements=WORDS), st.booleans(), st.integers(0, 3))
def test_offsets_are_those_of_the_twin(words, coded, number):
    mask = np.uint32(0xFFFFFF if coded else 0xFFFFFFFF)
    offsets = offsets_of_rows(frozen(words), 5 * number, mask, ROW)
    assert offsets == reference.offsets_of_rows(words, number, coded=coded, stride=ROW)


def test_asking_for_rows_changes_nothing():
    users, items = np.arange(2 * ROW, dtype=np.float32), np.arange(5 * ROW, dtype=np.float32)
    for lane in range(0, ROW, 16):
        ask_for_rows(users, items, (0, 0, ROW, 2 * ROW, 4 * ROW), ROW, lane)
    np.testing.assert_array_equal(users, np.arange(2 * ROW))
    np.testing.assert_array_equal(items, np.arange(5 * ROW))


def test_the_machine_is_asked_for_five_rows_soon_and_one_later():
    rows = np.zeros(ROW, np.float32)
    compiled = njit(ask_for_rows.py_func)  # anew: what comes from the disk has no code to look at
    compiled(rows, rows, (0,) * 5, 0, 0)
    (code,) = compiled.inspect_llvm().values()
    body = code[code.index("define") : code.index("\n}")]
    asked = [line.split("i32")[1:] for line in body.splitlines() if "@llvm.prefetch" in line]
    near = [words for words in asked if int(words[1].strip(" ,")) == 3]
    far = [words for words in asked if int(words[1].strip(" ,")) == 2]
    assert (len(near), len(far)) == (5, 1), code

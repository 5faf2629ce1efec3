"""The encoding of integer ids against a dictionary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.tables import integer_ids as kernels
from tests.reference.tables import integer_ids as reference

INT64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)


def read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


@settings(deadline=None, max_examples=150)
@given(st.lists(INT64, max_size=200))
def test_integers_are_encoded_as_a_dictionary_does(values):
    expected, expected_ids = reference.encode(values)
    ids, table = np.empty(256, np.int64), np.full(512, -1, np.int32)
    indices = np.empty(len(values), np.int32)
    row, count = kernels.encode_integers(
        read_only(np.array(values, np.int64)), np.int64(0), ids, np.int64(0), table, indices
    )
    assert row == len(values)
    assert ids[:count].tolist() == expected_ids
    np.testing.assert_array_equal(indices, expected)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(0, 40), max_size=200))
def test_small_integers_are_encoded_as_a_dictionary_does(values):
    expected, expected_ids = reference.encode(values)
    ids, table = np.empty(64, np.int64), np.zeros(41, np.int32)
    indices = np.empty(len(values), np.int32)
    row, count = kernels.encode_small_integers(
        read_only(np.array(values, np.int32)), np.int64(0), ids, np.int64(0), table, indices
    )
    assert row == len(values)
    assert ids[:count].tolist() == expected_ids
    np.testing.assert_array_equal(indices, expected)


@pytest.mark.parametrize("stranger", [8, -1, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("n_ids", [2, 9])
def test_encoding_small_integers_stops_at_what_does_not_fit(n_ids, stranger):
    values = read_only(np.array([7, 0, 7, 3, stranger, 1], np.int32))
    indices = np.full(6, -7, np.int32)
    row, count = kernels.encode_small_integers(
        values, np.int64(0), np.empty(n_ids, np.int64), np.int64(0), np.zeros(8, np.int32), indices
    )
    assert (row, count) == ((3, 2) if n_ids == 2 else (4, 3))
    assert indices[:row].tolist() == [0, 1, 0, 2][:row]


@pytest.mark.parametrize("reached", [30_000, 8_191, 8_192, 20_001])
def test_many_small_integers_are_encoded_tile_by_tile(reached):
    values = np.random.default_rng(reached).zipf(1.3, 30_000).clip(max=60_000).astype(np.int32)
    values[reached:] = 60_001  # the first that does not fit
    expected, expected_ids = reference.encode(values[:reached].tolist())
    ids, table = np.empty(60_000, np.int64), np.zeros(60_001, np.int32)
    indices = np.empty(len(values), np.int32)
    row, count = kernels.encode_small_integers(
        read_only(values), np.int64(0), ids, np.int64(0), table, indices
    )
    assert row == reached
    assert ids[:count].tolist() == expected_ids
    np.testing.assert_array_equal(indices[:reached], expected)


@pytest.mark.parametrize(("n_ids", "slots", "reached"), [(3, 16, 3), (16, 8, 4)])
def test_encoding_stops_when_an_array_is_full(n_ids, slots, reached):
    values = read_only(np.arange(10, 16))
    indices = np.full(6, -7, np.int32)
    row, count = kernels.encode_integers(
        values, np.int64(0), np.empty(n_ids, np.int64), np.int64(0),
        np.full(slots, -1, np.int32), indices,
    )  # fmt: skip
    assert (row, count) == (reached, reached)
    assert indices[:reached].tolist() == list(range(reached))


@settings(deadline=None, max_examples=100)
@given(st.lists(INT64, unique=True, max_size=100), st.lists(INT64, max_size=100))
def test_integers_are_found_as_a_dictionary_does(ids, strangers):
    table = np.full(256, -1, np.int32)
    known = read_only(np.array(ids, np.int64))
    assert kernels.fill_integer_table(known, table) == -1
    wanted = np.array([*ids, *strangers], np.int64)
    indices = np.empty(len(wanted), np.int32)
    kernels.lookup_integers(read_only(wanted), known, read_only(table), indices)
    np.testing.assert_array_equal(indices, reference.lookup(wanted.tolist(), ids))


def test_filling_a_table_finds_the_first_id_that_repeats():
    table = np.full(16, -1, np.int32)
    assert kernels.fill_integer_table(read_only(np.array([4, 5, 6, 5, 4])), table) == 3

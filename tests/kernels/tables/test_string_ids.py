"""The encoding of string ids against a dictionary."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.tables import string_ids as kernels
from tests.reference.tables import string_ids as reference

STRINGS = st.text(max_size=20) | st.sampled_from(["", "a", "aa", "a" * 8, "a" * 9, "a" * 16])


def read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


def packed(strings):
    encoded = [string.encode() for string in strings]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return read_only(offsets), read_only(np.frombuffer(b"".join(encoded), np.uint8))


@settings(deadline=None, max_examples=150)
@given(st.lists(STRINGS, max_size=100), st.sampled_from([1, 3, 64, 200]))
def test_strings_are_encoded_as_a_dictionary_does(values, ahead):
    expected, expected_ids = reference.encode(*packed(values))
    id_offsets, id_data = np.zeros(129, np.int64), np.empty(20_000, np.uint8)
    hashes, table = np.empty(128, np.uint64), np.full(256, -1, np.int32)
    indices = np.empty(len(values), np.int32)
    row, count = kernels.encode_strings(
        *packed(values), np.int64(0), id_offsets, id_data, hashes, np.int64(0), table, indices,
        np.empty(ahead, np.uint64), np.empty(ahead, np.int64),
    )  # fmt: skip
    assert row == len(values)
    assert reference.strings(id_offsets[: count + 1], id_data) == expected_ids
    np.testing.assert_array_equal(indices, expected)


def test_encoding_strings_stops_when_the_bytes_are_full():
    offsets, data = packed(["abc", "abc", "defg"])
    indices = np.full(3, -7, np.int32)
    row, count = kernels.encode_strings(
        offsets, data, np.int64(0), np.zeros(9, np.int64), np.empty(6, np.uint8),
        np.empty(8, np.uint64), np.int64(0), np.full(32, -1, np.int32), indices,
        np.empty(2, np.uint64), np.empty(2, np.int64),
    )  # fmt: skip
    assert (row, count) == (2, 1)
    assert indices[:2].tolist() == [0, 0]


@settings(deadline=None, max_examples=100)
@given(st.lists(STRINGS, unique=True, max_size=100), st.lists(STRINGS, max_size=100))
def test_strings_are_found_as_a_dictionary_does(ids, strangers):
    offsets, data = packed(ids)
    hashes, table = np.empty(len(ids), np.uint64), np.full(256, -1, np.int32)
    kernels.hash_strings(offsets, data, hashes)
    hashes = read_only(hashes)
    assert kernels.fill_string_table(offsets, data, hashes, table) == -1
    indices = np.empty(len(ids) + len(strangers), np.int32)
    kernels.lookup_strings(
        *packed([*ids, *strangers]), offsets, data, hashes, read_only(table), indices
    )
    np.testing.assert_array_equal(
        indices, reference.lookup(*packed([*ids, *strangers]), offsets, data)
    )


def test_filling_a_table_finds_the_first_string_that_repeats():
    offsets, data = packed(["b", "a", "b"])
    hashes = np.empty(3, np.uint64)
    kernels.hash_strings(offsets, data, hashes)
    table = np.full(16, -1, np.int32)
    assert kernels.fill_string_table(offsets, data, read_only(hashes), table) == 2


def test_equal_hashes_of_different_strings_are_told_apart_by_their_bytes():
    offsets, data = packed(["ab", "cd"])
    hashes = read_only(np.array([1, 1], np.uint64))
    assert kernels.fill_string_table(offsets, data, hashes, np.full(8, -1, np.int32)) == -1


def test_hashes_spread_over_the_table():
    # Ids that differ in one digit must not crowd: with 2^16 slots and 2^14 ids, a random hash
    # leaves about 14.5 thousand distinct slots.
    strings = [f"user-{number:08d}" for number in range(1 << 14)]
    hashes = np.empty(len(strings), np.uint64)
    kernels.hash_strings(*packed(strings), hashes)
    assert len(np.unique(hashes)) == len(strings)
    assert len(np.unique(hashes & np.uint64(0xFFFF))) > 14_000

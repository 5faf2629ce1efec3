import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.tables import column_codes as kernels
from tests.reference.tables import column_codes as reference

DAY = 86_400


def empty_table():
    return (
        np.zeros(1024, np.uint32),
        np.zeros(1024, np.uint8),
        np.zeros(1024, np.uint8),
        np.zeros(256, np.float32),
    )


def code(values, table, count=0):
    codes = np.empty(len(values), np.uint8)
    rows, count = kernels.code_values(frozen(values, np.float32), *table, np.int64(count), codes)
    return codes[:rows], int(count)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(width=32, allow_nan=False), max_size=20), max_size=4))
def test_codes_are_numbered_as_levels_appear(pieces):
    table, count = empty_table(), 0
    for piece in pieces:
        values = np.array(piece, np.float32)
        wanted, levels = reference.code_values(values, table[3], count)
        codes, count = code(values, table, count)
        assert codes.tolist() == wanted
        assert table[3][:count].tobytes() == np.array(levels, np.float32).tobytes()
        assert table[3][codes].tobytes() == values.tobytes()


@pytest.mark.parametrize("n_levels", [1, 255, 256, 257, 1000])
def test_the_257th_level_stops_the_coding(n_levels):
    values = np.random.default_rng(0).permutation(np.arange(n_levels, dtype=np.float32) / 7)
    values = np.concatenate([values[:100], values])
    table = empty_table()
    codes, count = code(values, table)
    wanted, levels = reference.code_values(values, [], 0)
    assert codes.tolist() == wanted
    assert count == len(levels) == min(n_levels, 256)
    assert len(codes) == (len(values) if n_levels <= 256 else 256 + min(100, n_levels))


def test_zeros_of_either_sign_are_two_levels():
    table = empty_table()
    codes, count = code(np.array([0.0, -0.0, 0.0]), table)
    assert codes.tolist() == [0, 1, 0]
    assert count == 2
    assert np.signbit(table[3][codes]).tolist() == [False, True, False]


@settings(deadline=None)
@given(st.binary(max_size=60), st.sets(st.integers(0, 255)), st.integers(0, 5))
def test_bytes_are_coded_up_to_the_first_unknown(data, unknown, start):
    code_of_byte = np.random.default_rng(2).permutation(256).astype(np.int16)
    code_of_byte[list(unknown)] = -1
    codes = np.zeros(len(data), np.uint8)
    start = min(start, len(data))
    values = frozen(np.frombuffer(data, np.uint8))
    row = kernels.code_bytes(values, np.int64(start), code_of_byte, codes)
    wanted = reference.code_bytes(data[start:], code_of_byte)
    assert codes[start:row].tolist() == wanted
    assert row == start + len(wanted)
    assert not codes[:start].any()


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), max_size=300))
def test_codes_become_ratings_again(codes):
    levels = np.random.default_rng(1).normal(size=256).astype(np.float32)
    values = np.empty(len(codes), np.float32)
    kernels.look_up_levels(frozen(codes, np.uint8), frozen(levels), values)
    np.testing.assert_array_equal(values, reference.look_up_levels(codes, levels))


def narrow(seconds):
    days = np.empty(len(seconds), np.uint16)
    fits = kernels.narrow_days(frozen(seconds, np.int64), days)
    return days.tolist() if fits else None


def test_every_day_of_16_bits_is_exact():
    days = np.arange(2**16, dtype=np.int64)
    assert narrow(days * DAY) == days.tolist()


MIDNIGHTS = st.integers(0, 2**16 - 1).map(lambda day: day * DAY)
TIMES = st.one_of(MIDNIGHTS, MIDNIGHTS, st.integers(-(2**63), 2**63 - 1))


@settings(deadline=None)
@given(st.lists(TIMES, max_size=30))
def test_only_midnights_that_fit_become_days(seconds):
    assert narrow(seconds) == reference.narrow_days(seconds)


@pytest.mark.parametrize(
    "odd", [1, -1, DAY - 1, DAY + 1, 2**16 * DAY, -DAY, 128, 128 * DAY + 1, 2**63 - 1, -(2**63)]
)
def test_one_odd_time_is_enough(odd):
    assert narrow([0, DAY, odd, 5 * DAY]) is None

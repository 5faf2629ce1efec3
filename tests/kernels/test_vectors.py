"""Each word on sixteen lanes against NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from fastmf.kernels import vectors
from tests.reference import vectors as reference

FLOATS = st.floats(width=32, allow_nan=False, min_value=-(2.0**40), max_value=2.0**40)
LANES = arrays(np.float32, 16, elements=FLOATS)
ANY_LANES = arrays(np.float32, 16, elements=st.floats(width=32))
CHECKED = settings(deadline=None, max_examples=80)


@njit(nogil=True)
def copy_lanes(source, source_offset, target, target_offset):
    vectors.store(target, target_offset, vectors.load(source, source_offset))


@njit(nogil=True)
def store_constants(scalar, out):
    vectors.store(out, 0, vectors.broadcast(scalar))
    vectors.store(out, 16, vectors.zeros())


@njit(nogil=True)
def store_elementwise(a, b, c, out):
    left, right, addend = vectors.load(a, 0), vectors.load(b, 0), vectors.load(c, 0)
    vectors.store(out, 0, vectors.subtract(left, right))
    vectors.store(out, 16, vectors.multiply(left, right))
    vectors.store(out, 32, vectors.multiply_add(left, right, addend))
    vectors.store(out, 48, vectors.negative_multiply_add(left, right, addend))


@njit(nogil=True)
def store_floor_and_sign(a, b, out):
    value = vectors.load(a, 0)
    vectors.store(out, 0, vectors.maximum(value, vectors.load(b, 0)))
    vectors.store(out, 16, vectors.sign(value))


@njit(nogil=True)
def firsts_of_quarters(a):
    value = vectors.load(a, 0)
    return (
        vectors.first_of_quarter(value, 0),
        vectors.first_of_quarter(value, 1),
        vectors.first_of_quarter(value, 2),
        vectors.first_of_quarter(value, 3),
    )


@njit(nogil=True)
def sum_one(a):
    return vectors.sum_lanes(vectors.load(a, 0))


@njit(nogil=True)
def store_four_sums(a, b, c, d, out):
    first, second = vectors.load(a, 0), vectors.load(b, 0)
    third, fourth = vectors.load(c, 0), vectors.load(d, 0)
    vectors.store(out, 0, vectors.sum_four(first, second, third, fourth))


def sum_all_four(*operands):
    out = np.empty(16, np.float32)
    store_four_sums(*operands, out)
    return out


@njit(nogil=True)
def store_quarters(array, offsets, out):
    first, second, third, fourth = offsets
    loaded = vectors.load_quarters(array, first, second, third, fourth)
    spread = vectors.quarters(array[first], array[second], array[third], array[fourth])
    vectors.store(out, 0, loaded)
    vectors.store(out, 16, spread)
    vectors.store(out, 32, vectors.spread_quarter(spread, 0))
    vectors.store(out, 48, vectors.spread_quarter(spread, 1))
    vectors.store(out, 64, vectors.spread_quarter(spread, 2))
    vectors.store(out, 80, vectors.spread_quarter(spread, 3))


def bits(values):
    return np.atleast_1d(np.asarray(values, np.float32)).view(np.uint32)


@CHECKED
@given(arrays(np.float32, 70, elements=st.floats(width=32)), st.integers(0, 54), st.integers(0, 54))
def test_load_and_store_move_sixteen_floats_from_and_to_any_offset(source, read, written):
    target = np.arange(70, dtype=np.float32)
    expected = target.copy()
    copy_lanes(source, read, target, written)
    reference.store(expected, written, reference.load(source, read))
    np.testing.assert_array_equal(bits(target), bits(expected))


@CHECKED
@given(st.floats(width=32))
def test_broadcast_and_zeros(scalar):
    out = np.full(32, 7, np.float32)
    store_constants(np.float32(scalar), out)
    np.testing.assert_array_equal(out[:16], reference.broadcast(scalar))
    np.testing.assert_array_equal(bits(out[16:]), bits(reference.zeros()))


@CHECKED
@given(LANES, LANES, LANES)
def test_elementwise_words_equal_numpy(a, b, c):
    out = np.empty(64, np.float32)
    with np.errstate(over="ignore"):
        store_elementwise(a, b, c, out)
        np.testing.assert_array_equal(out[:16], reference.subtract(a, b))
        np.testing.assert_array_equal(out[16:32], reference.multiply(a, b))
        for word, part in (("multiply_add", out[32:48]), ("negative_multiply_add", out[48:])):
            once, twice = getattr(reference, word)(a, b, c)
            assert ((part == once) | (part == twice)).all(), word


@CHECKED
@given(ANY_LANES, LANES)
def test_floor_and_sign_keep_nan(value, floor):
    value[3], value[4] = 0.0, np.nan
    out = np.empty(32, np.float32)
    store_floor_and_sign(value, floor, out)
    np.testing.assert_array_equal(out[:16], reference.maximum(value, floor))
    np.testing.assert_array_equal(out[16:], reference.sign(value))
    assert out[19] == 0
    assert np.isnan(out[[4, 20]]).all()


@CHECKED
@given(ANY_LANES)
def test_the_first_lane_of_each_quarter(value):
    expected = [reference.first_of_quarter(value, number) for number in range(4)]
    np.testing.assert_array_equal(bits(firsts_of_quarters(value)), bits(expected))


@CHECKED
@given(LANES)
def test_sum_lanes_adds_halves(value):
    np.testing.assert_array_equal(sum_one(value), reference.sum_lanes(value))


@CHECKED
@given(LANES, LANES, LANES, LANES)
def test_four_sums_have_the_bits_of_one(a, b, c, d):
    sums = sum_all_four(a, b, c, d)
    alone = np.repeat([sum_one(x) for x in (a, b, c, d)], 4)
    np.testing.assert_array_equal(bits(sums), bits(alone))
    np.testing.assert_array_equal(sums, reference.sum_four(a, b, c, d))


@CHECKED
@given(arrays(np.float32, 40, elements=FLOATS), st.tuples(*[st.integers(0, 36)] * 4))
def test_quarters_are_loaded_made_and_spread(array, offsets):
    out = np.empty(96, np.float32)
    store_quarters(array, offsets, out)
    spread = reference.quarters(*array[list(offsets)])
    np.testing.assert_array_equal(out[:16], reference.load_quarters(array, *offsets))
    np.testing.assert_array_equal(out[16:32], spread)
    for number in range(4):
        part = out[32 + 16 * number :][:16]
        np.testing.assert_array_equal(part, reference.spread_quarter(spread, number))


@CHECKED
@given(ANY_LANES, st.integers(0, 3))
def test_infinities_and_nan_reach_their_own_sum_only(value, place):
    ones = np.ones(16, np.float32)
    operands = [ones] * 4
    operands[place] = value
    with np.errstate(all="ignore"):
        expected = [16.0] * 4
        expected[place] = reference.sum_lanes(value)
        np.testing.assert_array_equal(sum_all_four(*operands), np.repeat(expected, 4))
        np.testing.assert_array_equal(sum_one(value), expected[place])


@pytest.mark.parametrize(
    "array", [np.zeros(16), np.zeros(16, np.int32), np.zeros((1, 16), np.float32)]
)
def test_only_rows_of_float32_can_be_loaded(array):
    with pytest.raises(Exception, match="load"):
        sum_one(array)


@njit(nogil=True)
def prefetch_all(array):
    for place in range(array.size):
        vectors.prefetch(array, place)


def test_prefetching_changes_nothing():
    array = np.arange(20, dtype=np.float32)
    prefetch_all(array)
    np.testing.assert_array_equal(array, np.arange(20))


CACHED = """
import sys
import numpy as np
from numba import njit
from fastmf.kernels.vectors import load, multiply_add, store, sum_four, zeros

@njit(cache=True, nogil=True)
def dots(row, others, out):
    a, b, c, d = zeros(), zeros(), zeros(), zeros()
    for lane in range(0, row.size, 16):
        p = load(row, lane)
        a = multiply_add(p, load(others, lane), a)
        b = multiply_add(p, load(others, row.size + lane), b)
        c = multiply_add(p, load(others, 2 * row.size + lane), c)
        d = multiply_add(p, load(others, 3 * row.size + lane), d)
    store(out, 0, sum_four(a, b, c, d))

row = np.arange(32, dtype=np.float32)
others = np.arange(128, dtype=np.float32)
out = np.zeros(16, dtype=np.float32)
dots(row, others, out)
print((out == np.repeat(others.reshape(4, 32) @ row, 4)).all(), sum(dots.stats.cache_hits.values()))
"""


def test_a_kernel_in_lanes_is_loaded_from_the_cache_and_still_right(tmp_path):
    script = tmp_path / "dots.py"
    script.write_text(CACHED)
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(root)}
    printed = [
        subprocess.run(
            [sys.executable, script], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert printed == [["True", "0"], ["True", "1"]]

"""The bijection against integers of any size, and its gathering against loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.tables import permutation as kernels
from tests.reference.tables import permutation as reference

CHECKED = settings(deadline=None, max_examples=80)
KEYS = st.lists(st.integers(0, 2**32 - 1), min_size=6, max_size=6)


def permuted(first, count, n, keys):
    n_left = math.isqrt(n - 1) + 1
    sizes = n_left, -(-n // n_left)
    out = np.zeros(count, np.int64)
    kernels.permute(first, n, *sizes, frozen(keys, np.uint32), np.zeros((2, count), np.uint32), out)
    return out, sizes


@CHECKED
@given(st.integers(1, 400), KEYS)
def test_every_position_has_a_place_of_its_own(n, keys):
    out, _ = permuted(0, n, n, keys)
    assert sorted(out.tolist()) == list(range(n))


@CHECKED
@given(st.integers(1, 2**62), st.integers(0, 2**62), KEYS)
def test_places_are_those_of_the_network(n, first, keys):
    count = min(n, 20)
    first %= n - count + 1
    out, sizes = permuted(first, count, n, keys)
    expected = [reference.permuted(first + k, n, *sizes, keys) for k in range(count)]
    assert out.tolist() == expected


def test_places_look_random():
    n = 100_000
    out, _ = permuted(0, n, n, np.random.default_rng(0).integers(0, 2**32, 6))
    place = out / n
    assert abs(np.corrcoef(np.arange(n), place)[0, 1]) < 0.01
    assert abs(np.corrcoef(place[:-1], place[1:])[0, 1]) < 0.01
    counts = np.histogram2d(place[:-1], place[1:], bins=20, range=[[0, 1]] * 2)[0]
    expected = (n - 1) / 400
    assert 300 < ((counts - expected) ** 2 / expected).sum() < 500  # chi squared of 399


@CHECKED
@given(st.data(), st.integers(1, 3000), st.sampled_from([0.01, 0.5, 0.99]))
def test_selected_rows_are_found_by_their_number(data, n_rows, share):
    seed = data.draw(st.integers(0, 1000))
    chosen = np.random.default_rng(seed).random(n_rows) < share
    chosen[seed % n_rows] = True
    if data.draw(st.booleans()):
        chosen[: n_rows // 2] = False  # one long gap
        chosen[-1] = True
    bitmap = np.packbits(chosen, bitorder="little")
    n_blocks = -(-len(bitmap) // (8 * kernels.BLOCK_WORDS))
    words = np.zeros(n_blocks * 8 * kernels.BLOCK_WORDS, np.uint8)
    words[: len(bitmap)] = bitmap
    words = frozen(words.view(np.uint64))
    starts = np.zeros(n_blocks + 1, np.int64)
    kernels.count_blocks(words, starts)
    expected = reference.selected_rows(bitmap)
    assert starts[-1] == len(expected)
    shift = data.draw(st.integers(0, 12))
    hints = np.searchsorted(starts, np.arange(0, starts[-1], 1 << shift), side="right") - 1
    rows = np.arange(starts[-1])
    hints = frozen(np.append(hints, n_blocks - 1), np.int64)
    kernels.select_rows(words, frozen(starts), hints, shift, rows)
    assert rows.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("gather", "dtype", "out_dtype"),
    [
        (kernels.gather_integers, np.int32, np.int32),
        (kernels.gather_short_integers, np.uint16, np.int32),
        (kernels.gather_floats, np.float32, np.float32),
    ],
)
def test_columns_are_gathered(gather, dtype, out_dtype):
    generator = np.random.default_rng(1)
    column = generator.integers(0, 2**16, 50).astype(dtype)
    rows = generator.integers(0, 50, 80)
    out = np.zeros(80, out_dtype)
    gather(frozen(column), frozen(rows), out)
    np.testing.assert_array_equal(out, reference.gather(column, rows))


def test_codes_are_gathered_as_their_levels():
    generator = np.random.default_rng(2)
    codes = generator.integers(0, 256, 50).astype(np.uint8)
    levels = generator.standard_normal(256).astype(np.float32)
    rows = generator.integers(0, 50, 80)
    out = np.zeros(80, np.float32)
    kernels.gather_codes(frozen(codes), frozen(levels), frozen(rows), out)
    np.testing.assert_array_equal(out, reference.gather(levels[codes], rows))

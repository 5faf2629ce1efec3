"""Drawing and gathering rows against their slow twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.tables import sampling as kernels
from tests.reference.tables import sampling as reference

BITS = st.lists(st.booleans(), min_size=1, max_size=200).map(lambda bits: np.array(bits, bool))


def packed(bits):
    bitmap = np.packbits(bits, bitorder="little")
    bitmap.flags.writeable = False
    return bitmap


def unpacked(bitmap, n_rows):
    return np.unpackbits(bitmap, bitorder="little")[:n_rows].astype(bool)


def sample(candidates, n_wanted, key):
    bitmap = packed(candidates)
    chosen = np.empty_like(bitmap)
    kernels.sample_rows(
        bitmap,
        np.int64(len(candidates)),
        np.int64(candidates.sum()),
        np.int64(n_wanted),
        np.uint64(key),
        chosen,
    )
    return unpacked(chosen, len(candidates))


@settings(deadline=None, max_examples=150)
@given(BITS, st.floats(0, 1), st.integers(0, 2**64 - 1))
def test_a_sample_is_the_one_of_the_slow_twin(candidates, fraction, key):
    n_wanted = int(fraction * candidates.sum())
    chosen = sample(candidates, n_wanted, key)
    assert chosen.sum() == n_wanted
    assert not (chosen & ~candidates).any()
    np.testing.assert_array_equal(chosen, reference.sample_rows(candidates, n_wanted, key))


def test_every_row_is_drawn_equally_often():
    draws = sum(sample(np.ones(20, bool), 5, key * 7919).astype(int) for key in range(4000))
    # Each count is binomial(4000, 1/4): 1000 with a standard deviation of 27.
    assert np.abs(draws - 1000).max() < 5 * 27


def test_neighbours_are_drawn_together_as_often_as_others():
    together = np.zeros((6, 6), int)
    for key in range(3000):
        chosen = np.flatnonzero(sample(np.ones(6, bool), 2, key))
        together[tuple(chosen)] += 1
    counts = together[np.triu_indices(6, 1)]
    # 15 pairs, each binomial(3000, 1/15): 200 with a standard deviation of 14.
    assert np.abs(counts - 200).max() < 5 * 14


@settings(deadline=None, max_examples=150)
@given(BITS, st.data())
def test_gathering_takes_the_rows_of_the_slow_twin(bits, data):
    start = data.draw(st.integers(0, len(bits)))
    stop = data.draw(st.integers(start, len(bits)))
    if data.draw(st.booleans()):
        bits[start:stop] = True
    columns = (
        np.arange(len(bits), dtype=np.int32),
        np.arange(len(bits), dtype=np.int32) * 3,
        np.arange(len(bits), dtype=np.float32) / 7,
    )
    for column in columns:
        column.flags.writeable = False
    expected = reference.gather_rows(bits, start, stop, *columns)
    out = [np.empty(len(expected[0]) + 1, column.dtype) for column in columns]
    count = kernels.gather_rows(packed(bits), np.int64(start), np.int64(stop), *columns, *out)
    assert count == len(expected[0])
    for got, wanted in zip(out, expected, strict=True):
        np.testing.assert_array_equal(got[:count], wanted)


@pytest.mark.parametrize(("start", "stop"), [(0, 64), (0, 1), (5, 5), (3, 17), (8, 40), (63, 64)])
def test_gathering_times_takes_the_selected_ones(start, stop):
    bits = np.arange(64) % 3 == 0
    time = np.arange(64, dtype=np.int64) * 10**10
    time.flags.writeable = False
    expected = time[start:stop][bits[start:stop]]
    out = np.empty(len(expected) + 1, np.int64)
    kernels.gather_times(packed(bits), np.int64(start), np.int64(stop), time, out)
    np.testing.assert_array_equal(out[:-1], expected)

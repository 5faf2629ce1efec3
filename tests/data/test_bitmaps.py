import numpy as np
import pytest

from fastmf.data.bitmaps import count_bits, full_bitmap


@pytest.mark.parametrize("n_rows", [0, 1, 7, 8, 9, 64, 100])
def test_the_full_bitmap_selects_every_row_and_no_more(n_rows):
    bits = np.unpackbits(full_bitmap(n_rows), bitorder="little")
    assert bits.tolist() == [1] * n_rows + [0] * (-n_rows % 8)


def test_bits_are_counted_between_any_two_places():
    mask = np.random.default_rng(0).random(70) < 0.5
    bitmap = np.packbits(mask, bitorder="little")
    before = bitmap.copy()
    for start in range(71):
        for stop in range(71):
            assert count_bits(bitmap, start, stop) == mask[start:stop].sum()
    np.testing.assert_array_equal(bitmap, before)

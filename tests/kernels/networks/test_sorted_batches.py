"""Batches sorted by row against NumPy."""

import numpy as np
import pytest

from fastmf.data.arrays import frozen
from fastmf.kernels.networks import sorted_batches as kernels
from tests.reference.networks import sorted_batches as reference


class Case:
    def __init__(self, sizes, n_rows):
        rng = np.random.default_rng(0)
        self.bounds, self.n_rows = np.cumsum([0, *sizes]), n_rows
        n, n_batches, longest = sum(sizes), len(sizes), max(sizes)
        self.index = rng.integers(0, n_rows, n).astype(np.int32)
        self.entries, self.touched, self.places = np.full((3, n), -7, np.int32)
        self.starts = np.full(n + n_batches, -7, np.int32)
        self.n_touched = np.full(n_batches, -7)
        self.scratch = *np.empty((2, longest), np.uint64), np.empty(8, np.int64)

    def sort(self, first, last):
        return kernels.sort_batches(
            *(frozen(self.index), frozen(self.bounds), first, last, self.n_rows, *self.scratch),
            *(self.entries, self.touched, self.starts, self.places, self.n_touched),
        )


@pytest.mark.parametrize("n_rows", [1, 5, 300])
def test_each_batch_is_sorted_by_itself(n_rows):
    case = Case([40, 40, 1, 17], n_rows)
    assert case.sort(0, 2) == case.sort(2, 4) == 0
    for batch, (start, end) in enumerate(zip(case.bounds[:-1], case.bounds[1:], strict=True)):
        entries, touched, starts, places = reference.sort_batch(case.index[start:end])
        n = case.n_touched[batch]
        assert n == len(touched)
        np.testing.assert_array_equal(case.entries[start:end], entries)
        np.testing.assert_array_equal(case.touched[start : start + n], touched)
        begins = case.starts[start + batch : start + batch + n + 1]
        np.testing.assert_array_equal(begins, starts)
        np.testing.assert_array_equal(case.places[start:end], places)


@pytest.mark.parametrize("wrong", [-1, 5])
def test_no_row_of_the_table(wrong):
    case = Case([4, 6], 5)
    case.index[7] = wrong
    assert case.sort(0, 2) == -1 - 7

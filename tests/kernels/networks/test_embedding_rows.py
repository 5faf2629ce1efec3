"""Gathering, sorting and adding rows against loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.kernels.networks import embedding_rows as kernels
from fastmf.nn.sorted_batch import SortedBatch
from tests.kernels.row_sums import STRIDE, padded, random_batch, sums_of
from tests.reference.networks import embedding_rows as reference

CHECKED = settings(deadline=None, max_examples=60)


@pytest.mark.parametrize("width", [1, 15, 16, 17, 32])
def test_rows_are_gathered_to_their_columns_alone(width):
    generator = np.random.default_rng(width)
    rows = generator.standard_normal((9, width)).astype(np.float32)
    index = generator.integers(0, 9, 30).astype(np.int32)
    out = np.full((30, width + 5), 7, np.float32)
    done = kernels.gather(
        frozen(padded(rows)), STRIDE, width, frozen(index), out.reshape(-1), width + 5, 2
    )
    assert done == 30
    np.testing.assert_array_equal(out[:, 2:-3], reference.gather(rows, index))
    assert (out[:, :2] == 7).all()
    assert (out[:, -3:] == 7).all()


@pytest.mark.parametrize("row", [-1, 9, 2**31 - 1])
def test_gathering_stops_in_front_of_what_is_no_row(row):
    index = frozen([1, 2, row, 3], np.int32)
    out = np.zeros(4, np.float32)
    rows = frozen(np.ones(9 * STRIDE, np.float32))
    assert kernels.gather(rows, STRIDE, 1, index, out, 1, 0) == 2


@CHECKED
@given(st.data(), st.sampled_from([1, 2, 9, 1000, 70_000, 2**31]))
def test_entries_are_sorted_by_row_and_stay_in_order(data, n_rows):
    row = st.one_of(st.integers(0, n_rows - 1), st.integers(0, min(n_rows, 4) - 1))
    index = data.draw(st.lists(row, min_size=1, max_size=80))
    batch = SortedBatch(n_rows)
    batch.sort(np.array(index, np.int32))
    found = {
        int(batch.touched[k]): batch.entries[batch.starts[k] : batch.starts[k + 1]].tolist()
        for k in range(batch.n_touched)
    }
    expected = reference.sort_by_row(index)
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_norm_of_summed_gradients_with_columns_of_others_beside(scale):
    generator = np.random.default_rng(3)
    width, others = 19, 4
    index, gradients = random_batch(generator, 20, width + others, 50)
    gradients[:, :others] = 1e15  # another table's
    rows = generator.standard_normal((20, width)).astype(np.float32)
    sums, n = sums_of(index, gradients, 20, column=others, scale=scale, pulls=0.1, width=width)
    found = kernels.squared_norm(0, n, *sums, frozen(padded(rows)), STRIDE)
    expected = reference.squared_norm(index, gradients[:, others:], rows, scale, 0.1)
    assert found == pytest.approx(expected, rel=1e-5)

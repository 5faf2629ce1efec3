"""Batches of rows against NumPy's sorting."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels.autoencoder import rated_batches as kernels
from tests.kernels.rated_rows import random_rows, values_of
from tests.reference.autoencoder import rated_batches as reference

CHECKED = settings(deadline=None, max_examples=40)
N_COLUMNS = 30


def by_column(rated, rows, parts, centres=None):
    """Return column starts, rows and values of a batch, its rows cut into parts."""
    if centres is None:
        centres = np.zeros(len(rows), np.float32)
    counts = np.full((len(parts), N_COLUMNS), 77, np.int32)
    for part, row in zip(parts, counts, strict=True):
        kernels.count_columns(*part, rated, rows, row)
    column_starts = np.empty(N_COLUMNS + 1, np.int64)
    n = int(counts.sum())
    kernels.start_columns(counts, column_starts)
    column_rows, values = np.empty(n, np.int32), np.empty(n, np.float32)
    for part, offsets in zip(parts, counts, strict=True):
        kernels.place_ratings(*part, rated, rows, centres, offsets, column_rows, values)
    return column_starts, column_rows, values


def inputs_of(rated, rows, *, keep=1.0, salt=0, presence=0.0, factors=None):
    """Return the batch of some rows by column, and what the network sees of it."""
    column_starts, column_rows, values = by_column(rated, rows, [(0, len(rows))])
    inputs = np.full_like(values, np.nan)
    if factors is None:
        factors = np.ones(len(rows), np.float32)
    numbers = np.float32(presence), np.uint64(salt), np.float32(keep)
    for part in ((0, N_COLUMNS // 2), (N_COLUMNS // 2, N_COLUMNS)):
        seen = *part, column_starts, column_rows, values, rows, factors
        kernels.make_inputs(*seen, *numbers, inputs)
    return column_starts, column_rows, values, inputs


@CHECKED
@given(
    st.lists(st.integers(0, N_COLUMNS), min_size=1, max_size=8),
    st.booleans(),
    st.integers(1, 4),
    st.integers(0, 10**6),
)
def test_ratings_by_column(counts, coded, n_parts, seed):
    rated = random_rows(counts, N_COLUMNS, seed, coded=coded)
    chosen = np.random.default_rng(seed).permutation(len(counts))
    rows = chosen[: 1 + seed % len(counts)].astype(np.int32)
    bounds = [len(rows) * part // n_parts for part in range(n_parts + 1)]
    centres = np.linspace(-1, 1, len(rows), dtype=np.float32)
    found = by_column(rated, rows, list(pairwise(bounds)), centres)
    table = rated.starts, rated.other_index, values_of(rated)
    expected = reference.by_column(*table, rows, centres, N_COLUMNS)
    for array, twin in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, twin)


@pytest.mark.parametrize("prior_count", [0.0, 3.0])
@pytest.mark.parametrize("coded", [True, False])
def test_centres_are_means_drawn_to_zero(prior_count, coded):
    rated = random_rows([3, 0, 1, 20], N_COLUMNS, 0, coded=coded)
    found = np.full(4, np.nan, np.float32)
    kernels.row_centres(rated, prior_count, found)
    expected = reference.row_centres(rated.starts, values_of(rated), prior_count)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_dropout_keeps_its_part_and_its_mean(keep):
    rated = random_rows([N_COLUMNS] * 400, N_COLUMNS, 0)
    rows = np.arange(400, dtype=np.int32)
    values, inputs = inputs_of(rated, rows, keep=keep, salt=5)[2:]
    kept = inputs != 0
    assert abs(kept[values != 0].mean() - keep) < 0.02
    np.testing.assert_allclose(inputs[kept], values[kept] / np.float32(keep), rtol=1e-6)
    np.testing.assert_array_equal(inputs_of(rated, rows, keep=keep, salt=5)[3], inputs)
    other = inputs_of(rated, rows, keep=keep, salt=6)[3]
    assert (other != inputs).mean() > 0.1


def test_what_is_dropped_depends_on_the_rating_not_on_its_place_in_the_batch():
    rated = random_rows([20, 20, 20], N_COLUMNS, 0)
    found = []
    for rows in ([2, 0, 1], [1, 2]):
        rows = np.array(rows, np.int32)  # noqa: PLW2901
        starts, column_rows, _, inputs = inputs_of(rated, rows, keep=0.5, presence=9.0)
        columns = np.repeat(np.arange(N_COLUMNS), np.diff(starts))
        cells = zip(rows[column_rows].tolist(), columns.tolist(), strict=True)
        found.append(dict(zip(cells, inputs.tolist(), strict=True)))
    assert len(found[1]) == 40
    assert found[1] == {cell: found[0][cell] for cell in found[1]}
    assert 0 in found[1].values()


def test_the_input_has_presence_and_factor_of_the_row():
    rated = random_rows([20, 10, 20], N_COLUMNS, 0)
    factors = np.array([3, 0.5], np.float32)
    rows = np.array([2, 1], np.int32)
    found = inputs_of(rated, rows, presence=1.5, factors=factors)
    expected = reference.inputs(*found[1:3], factors, 1.5)
    np.testing.assert_allclose(found[3], expected, rtol=1e-6)

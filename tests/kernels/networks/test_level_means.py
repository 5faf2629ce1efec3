"""Means of the embeddings of a row's levels, and their gradients, against slow twins."""

import numpy as np
import pytest

from fastmf.kernels.networks import level_means as kernels
from tests.reference.networks import level_means as reference


def tables(seed, n_rows=7, n_texts=3, n_levels=9, width=4):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 4, n_rows * n_texts)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    levels = rng.integers(0, n_levels, sizes.sum()).astype(np.int32)
    index = rng.integers(-1, n_rows, 20).astype(np.int32)
    embeddings = rng.normal(size=(n_levels, width)).astype(np.float32)
    slope = rng.normal(size=(20, n_texts * width)).astype(np.float32)
    return (index, starts, levels, n_texts), embeddings, slope


@pytest.mark.parametrize("seed", range(3))
def test_means_are_those_of_the_twin(seed):
    table, embeddings, _ = tables(seed)
    # Into some columns of a wider array, with whatever it held before.
    wide = np.full((20, 15), np.nan, np.float32)
    kernels.level_means(*table, embeddings, wide[:, 2:14])
    np.testing.assert_allclose(
        wide[:, 2:14], reference.level_means(*table, embeddings), rtol=1e-5, atol=1e-6
    )
    assert np.isnan(wide[:, :2]).all()
    assert np.isnan(wide[:, 14:]).all()


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_the_twin(seed):
    table, embeddings, slope = tables(seed)
    gradient = np.ones_like(embeddings)
    expected = reference.add_level_gradients(*table, slope, gradient)
    kernels.add_level_gradients(*table, slope, gradient)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)

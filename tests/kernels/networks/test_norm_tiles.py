"""Norms, rectifiers and dropouts of some rows against NumPy."""

import numpy as np
import pytest

from fastmf.kernels.networks import norm_tiles as kernels
from tests.reference.networks import norm_tiles as reference
from tests.reference.products import panels

KEY, FIRST_ROW, AT = np.uint64(2**63 + 12345), 1000, 32
SCALE = np.float32(1.25)


class Tile:
    """Rows behind others, padded, as kernels take them."""

    def __init__(self, rows, width, *, middle=0.0):
        rng = np.random.default_rng(rows * width)
        self.rows, self.width, self.stride = rows, width, -(-width // 16) * 16
        self.x = (middle + rng.standard_normal((rows, width))).astype(np.float32)
        self.slopes = rng.standard_normal((rows, width)).astype(np.float32)
        self.columns = [rng.standard_normal(width).astype(np.float32) for _ in range(3)]
        self.place = AT, self.stride, rows
        self.masks = np.full((AT + rows * self.stride) // 16, 7, np.uint16)

    def flat(self, matrix):
        """Return a matrix as rows of a batch."""
        out = np.zeros(AT + self.rows * self.stride, np.float32)
        out[:AT] = np.nan
        self.inside(out)[...] = matrix
        return out

    def inside(self, flat):
        return flat[AT:].reshape(self.rows, self.stride)[:, : self.width]

    def padded(self, column):
        return np.concatenate([column, np.zeros(self.stride - self.width, np.float32)])

    def terms(self):
        return [self.padded(column) for column in self.columns]

    def activated(self, threshold, y_stride):
        """Return activations, by the kernel and by its twin, and what the twin keeps."""
        y = np.full(self.rows * y_stride, 7, np.float32)
        factors, shifts, _ = self.terms()
        given = self.flat(self.x), *self.place, factors, shifts
        drawn = KEY, FIRST_ROW, np.uint32(threshold)
        kernels.activate_tile(*given, *drawn, y, y_stride, self.masks)
        again = np.full_like(y, 7)
        kernels.restore_tile(*given, self.masks, again, y_stride)
        np.testing.assert_array_equal(again, y)
        twin = reference.activate(self.x, *self.columns[:2], int(KEY), FIRST_ROW, threshold)
        return y.reshape(self.rows, y_stride), *twin


SHAPES = [(1, 1), (5, 37), (40, 64), (17, 16)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("middle", [0.0, 1000.0])
def test_moments(shape, middle):
    tile = Tile(*shape, middle=middle)
    x = tile.x.astype(np.float64)
    sums, totals = np.zeros(2 * tile.stride, np.float32), np.zeros((2, tile.width))
    pivot = tile.padded(tile.x[0])
    for _ in range(2):
        kernels.add_moments(tile.flat(x), *tile.place, pivot, sums)
        kernels.tile_moments(sums, pivot, tile.rows, *totals)
        assert not sums.any()
    n = 2 * tile.rows
    expected = reference.moments(np.concatenate([x, x]))
    np.testing.assert_allclose(totals[0], expected[0], rtol=1e-6, atol=1e-6 * n)
    # A variance is the small difference of large squares: a pivot keeps its digits.
    found = totals[1] / n - (totals[0] / n) ** 2
    variance = expected[1] / n - (expected[0] / n) ** 2
    np.testing.assert_allclose(found, variance, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("threshold", [0, 2**30])
def test_activations(shape, threshold):
    tile = Tile(*shape)
    y, expected, kept = tile.activated(threshold, tile.stride + 16)
    np.testing.assert_allclose(y[:, : tile.width], expected, rtol=1e-5, atol=1e-6)
    assert not y[:, tile.width : tile.stride].any()
    assert (y[:, tile.stride :] == 7).all()
    bits = tile.masks[AT // 16 :].reshape(tile.rows, -1)
    found = [
        [bool(bits[row, c // 16] >> c % 16 & 1) for c in range(shape[1])] for row in range(shape[0])
    ]
    assert found == kept.tolist()
    assert (tile.masks[: AT // 16] == 7).all()


def test_what_is_not_a_number_is_passed_on():
    tile = Tile(2, 3)
    tile.x[0, 1] = np.nan
    y, *_ = tile.activated(0, tile.stride)
    assert np.isnan(y).tolist() == [
        [lane == 1 and row == 0 for lane in range(16)] for row in range(2)
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_activations(shape):
    tile = Tile(*shape)
    _, _, kept = tile.activated(2**30, tile.stride)
    slopes, sums = tile.flat(tile.slopes), np.ones(2 * tile.stride, np.float32)
    means = tile.columns[2]
    kernels.activation_gradient(
        *(slopes, tile.flat(tile.x), *tile.place, tile.masks, SCALE, tile.padded(means), sums)
    )
    expected = reference.activation_gradient(tile.slopes, tile.x, kept, SCALE, means)
    np.testing.assert_allclose(tile.inside(slopes), expected[0], rtol=1e-6)
    for found, wanted in zip(sums.reshape(2, -1), expected[1:], strict=True):
        np.testing.assert_allclose(found[: tile.width], 1 + wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_the_output(shape):
    tile = Tile(*shape)
    y, y_twin, kept = tile.activated(2**30, tile.stride + 16)
    errors = np.random.default_rng(1).standard_normal(tile.rows).astype(np.float32)
    weights, means = tile.columns[1], tile.columns[2]
    slopes, sums = tile.flat(0), np.ones(3 * tile.stride, np.float32)
    kernels.output_gradient(
        *(errors, tile.padded(weights), y.ravel(), y.shape[1], slopes, tile.flat(tile.x)),
        *(*tile.place[:2], tile.masks, SCALE, tile.padded(means), sums),
    )
    given = errors, weights, y_twin, tile.x, kept, SCALE, means
    expected = reference.output_gradient(*given)
    np.testing.assert_allclose(tile.inside(slopes), expected[0], rtol=1e-5, atol=1e-6)
    for found, wanted in zip(sums.reshape(3, -1), expected[1:], strict=True):
        np.testing.assert_allclose(found[: tile.width], 1 + wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (6, 150)])
def test_gradients_of_norms(shape):
    tile = Tile(*shape)
    out = np.zeros(len(panels(tile.x)), np.float32)
    kernels.derive_tile(tile.flat(tile.slopes), tile.flat(tile.x), *tile.place, *tile.terms(), out)
    expected = panels(reference.derive(tile.slopes, tile.x, *tile.columns))
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)

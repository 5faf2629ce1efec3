"""From scores to ratings, against float64."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from fastmf.kernels import vectors
from fastmf.kernels.links import Link, rating_of, sigmoid, sigmoids
from tests.reference import links as reference

SCORES = st.floats(width=32, allow_nan=False)
CHECKED = settings(deadline=None, max_examples=80)


@njit(nogil=True)
def ratings_of(scores, link, out):
    for place in range(scores.size):
        out[place] = rating_of(scores[place], link)


def rated(scores, link):
    out = np.empty(len(scores), np.float32)
    ratings_of(np.asarray(scores, np.float32), link, out)
    return out


@CHECKED
@given(SCORES)
def test_the_sigmoid_equals_the_formula_and_never_overflows(score):
    found = sigmoid(np.float32(score))
    assert 0 <= found <= 1
    assert found == pytest.approx(reference.sigmoid(np.float64(score)), rel=1e-6, abs=1e-37)


@pytest.mark.parametrize(("score", "expected"), [(math.inf, 1), (-math.inf, 0), (0, 0.5)])
def test_the_sigmoid_at_its_ends(score, expected):
    assert sigmoid(np.float32(score)) == expected
    assert sigmoid(np.float32(-3.4e38)) == 0


@njit(nogil=True)
def store_sigmoids(offset, scale, products, out):
    first, second, third, fourth = products
    lanes = vectors.quarters(first, second, third, fourth)
    vectors.store(out, 0, sigmoids(offset, scale, lanes))


@CHECKED
@given(*[st.floats(-4, 4, width=32)] * 2, st.lists(SCORES, min_size=4, max_size=4))
def test_four_sigmoids_equal_the_formula(offset, scale, products):
    out = np.empty(16, np.float32)
    offset, scale = np.float32(offset), np.float32(scale)
    products = tuple(np.float32(product) for product in products)
    store_sigmoids(offset, scale, products, out)
    # The scores themselves are rounded, which moves a sigmoid by up to its slope.
    with np.errstate(invalid="ignore"):  # infinity times 0
        scores = [np.float64(offset) + np.float64(scale) * np.float64(x) for x in products]
    expected = np.repeat([reference.sigmoid(score) for score in scores], 4)
    np.testing.assert_allclose(out, expected, rtol=2e-5, atol=1e-6)


@CHECKED
@given(st.lists(SCORES, max_size=5), SCORES, st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4))
def test_ratings_equal_the_formula(scores, offset, numbers):
    low, bottom, top, high = sorted(numbers)
    span = max(abs(low), abs(high))
    for link in (
        Link.identity(offset, (low, high)),
        Link.sigmoid(offset, (bottom, top), (low, high)),
        Link.sigmoid(offset, (low, high), (bottom, top)),
    ):
        expected = [reference.rating_of(np.float64(score), link) for score in scores]
        np.testing.assert_allclose(rated(scores, link), expected, rtol=1e-6, atol=1e-6 * span)


@pytest.mark.parametrize(
    "link",
    [Link.identity(3, (1, 5)), Link.sigmoid(0, (1, 5), (1, 5)), Link.sigmoid(0, (0, 1), (0, 1))],
)
def test_nan_stays_nan_and_infinity_is_clipped(link):
    found = rated([math.nan, math.inf, -math.inf], link)
    assert np.isnan(found[0])
    assert found[1:].tolist() == [link.high, link.low]


def test_the_widest_range_of_float32_does_not_overflow():
    widest = float(np.finfo(np.float32).max)
    link = Link.sigmoid(0, (-widest, widest), (-widest, widest))
    assert rated([0.0, 90.0, -200.0], link).tolist() == [0.0, widest, -widest]


def test_links_have_one_type_each_way_they_are_made():
    links = (Link.identity(3, (1, 5)), Link.sigmoid(np.float64(1), (0.5, 1), (1, np.float32(5))))
    kinds = {tuple(type(value) for value in link) for link in links}
    assert kinds == {(np.float32, np.bool_, *[np.float32] * 4)}

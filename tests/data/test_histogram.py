"""Ratings by value, counted by several threads, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.data.histogram import MOST_BARS, HistogramBar, ValueCounts, histogram_of

FEW = st.sampled_from([0.5, 1.0, 1.5, 2.0, -3.0, 1e30])
MANY = st.floats(-100, 100, width=32)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(st.one_of(FEW, MANY), max_size=40), min_size=1, max_size=4))
def test_who_counts_what_does_not_matter(parts):
    values = np.array([value for part in parts for value in part], np.float32)
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    counted = []
    for part in parts:
        counts = ValueCounts(low, high)
        for half in (part[: len(part) // 2], part[len(part) // 2 :]):
            counts.add(frozen(half, np.float32))
        counted.append(counts)
    bars = histogram_of(counted)
    levels, wanted = np.unique(values, return_counts=True)
    if len(levels) <= MOST_BARS:
        assert [(bar.low, bar.n_ratings) for bar in bars] == list(
            zip(levels.tolist(), wanted.tolist(), strict=True)
        )
    else:
        edges = np.linspace(low, high, MOST_BARS + 1)
        in_bar = np.histogram(values.astype(np.float64), edges)[0]
        assert [bar.n_ratings for bar in bars] == in_bar.tolist()
        assert [bar.low for bar in bars] == edges[:-1].tolist()


def test_values_of_all_together_may_be_too_many():
    parts = [ValueCounts(0, 29), ValueCounts(0, 29)]
    parts[0].add(frozen(np.arange(15), np.float32))
    parts[1].add(frozen(np.arange(15, 30), np.float32))
    bars = histogram_of(parts)
    assert len(bars) == MOST_BARS
    assert sum(bar.n_ratings for bar in bars) == 30


@pytest.mark.parametrize(
    ("bar", "label"),
    [((4.5, 4.5), "4.5"), ((0.9994, 2), "0.9994 to 2"), ((-1e30, 1e30), "-1e+30 to 1e+30")],
)
def test_labels(bar, label):
    assert HistogramBar(*bar, 1).label == label

"""How many have how many ratings, against plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmf.data.spectrum import CountBar, bars_between, doubling_bars


@given(st.lists(st.integers(0, 5000), max_size=60))
def test_every_owner_is_in_the_bar_of_its_count(counts):
    bars = doubling_bars(np.array(counts, np.int64))
    owners = [count for count in counts if count > 0]
    for bar in bars:
        inside = [count for count in owners if bar.low <= count <= bar.high]
        assert (bar.n_owners, bar.n_ratings) == (len(inside), sum(inside))
        assert bar.high == 2 * bar.low - 1
    assert sum(bar.n_owners for bar in bars) == len(owners)
    if bars:
        assert bars[0].n_owners > 0
        assert bars[-1].n_owners > 0
        assert [bar.low for bar in bars[1:]] == [bar.high + 1 for bar in bars[:-1]]


def test_bars_between_given_edges():
    bars = bars_between(np.array([1, 3, 3, 9, 0]), np.array([1, 2, 5, 9, 10]))
    assert bars == (
        CountBar(1, 1, 1, 1), CountBar(2, 4, 2, 6), CountBar(5, 8, 0, 0), CountBar(9, 9, 1, 9),
    )  # fmt: skip


@pytest.mark.parametrize(("low", "high", "label"), [(1, 1, "1"), (1024, 2047, "1,024 to 2,047")])
def test_labels(low, high, label):
    assert CountBar(low, high, 1, 1).label == label

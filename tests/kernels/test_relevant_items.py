"""Relevant items against membership in sets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.kernels import relevant_items as kernels
from tests.reference import relevant_items as reference

CHECKED = settings(deadline=None, max_examples=60)
ITEMS = st.integers(0, 12)
LISTS = st.lists(st.tuples(st.sets(ITEMS), st.lists(ITEMS), st.lists(st.integers(-1, 12))))


def in_one(lists):
    """Return where each of some lists begins in all of them, and all of them."""
    starts = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    return starts, np.array([item for one in lists for item in one], np.int32)


@CHECKED
@given(LISTS)
def test_seen_items_that_are_relevant_are_taken_out(rows):
    relevant = in_one([sorted(wanted) for wanted, _, _ in rows])
    starts, items = in_one([seen for _, seen, _ in rows])
    begins, stops = starts[:-1].copy(), starts[1:].copy()
    kernels.keep_seen(*relevant, begins, stops, items)
    for row, (wanted, seen, _) in enumerate(rows):
        found = items[begins[row] : stops[row]].tolist()
        assert found == reference.keep_seen(wanted, seen)


@CHECKED
@given(LISTS, st.integers(1, 5))
def test_hits_are_relevant(rows, n):
    relevant = in_one([sorted(wanted) for wanted, _, _ in rows])
    top = np.array([(one + [-1] * n)[:n] for _, _, one in rows], np.int32).reshape(-1, n)
    hits = np.ones(top.shape, np.bool_)
    kernels.mark_hits(*relevant, top, hits)
    for (wanted, _, _), items, found in zip(rows, top.tolist(), hits.tolist(), strict=True):
        assert found == reference.hits(wanted, items)

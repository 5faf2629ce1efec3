"""Ratings by period against pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmf.data.arrays import frozen
from fastmf.data.timeline import FinePeriods, day_text, timeline_of
from fastmf.kernels.tables.counting import count_periods

DAY = 86400
PANDAS = {"hour": "h", "day": "D", "week": "W-SUN", "month": "M", "year": "Y"}


def timeline(time):
    periods = FinePeriods(min(time), max(time))
    counts = np.zeros(periods.n, np.int64)
    first, width = np.int64(periods.first), np.int64(periods.width)
    count_periods(frozen(time, np.int64), first, width, counts)
    return timeline_of(periods, counts)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(-(10**9), 3 * 10**9),
    st.sampled_from([2, 300, 2500, 11_000, 30_000]),
    st.lists(st.floats(0, 1), min_size=1, max_size=50),
)
def test_periods_are_those_of_the_calendar(first, days, parts):
    time = [first + int(part * days * DAY) for part in parts]
    found = timeline(time)
    periods = pd.Series(pd.to_datetime(time, unit="s")).dt.to_period(PANDAS[found.unit])
    wanted = periods.value_counts().sort_index()
    all_of_them = pd.period_range(wanted.index[0], wanted.index[-1], freq=PANDAS[found.unit])
    starts = all_of_them.start_time.astype("datetime64[s]").astype(np.int64)
    assert found.starts.tolist() == list(starts)
    assert found.n_ratings.tolist() == wanted.reindex(all_of_them, fill_value=0).tolist()


@pytest.mark.parametrize(
    ("days", "unit", "name"),
    [
        (0.5, "hour", "2001-09-09 01:00"),
        (100, "day", "2001-09-09"),
        (2000, "week", "2001-09-03"),
        (9000, "month", "2001-09"),
        (30000, "year", "2001"),
        (10**7, "interval", "2001-09-09"),
    ],
)
def test_the_unit_suits_the_span_and_names_its_periods(days, unit, name):
    found = timeline([10**9, 10**9 + int(days * DAY)])
    assert found.unit == unit
    assert found.labels()[0] == name
    assert found.n_ratings.sum() == 2
    assert len(found.starts) == len(found.labels()) <= 401


def test_the_ends_of_time():
    found = timeline([-(2**63) + 1, 0, 2**63 - 1])
    assert found.unit == "interval"
    assert found.n_ratings.sum() == 3


def test_one_time_is_one_period():
    assert timeline([5, 5, 5]).n_ratings.tolist() == [3]
    assert day_text(-1) == "1969-12-31"
